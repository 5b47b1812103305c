//! Schedules small enough to make by hand, written as lines: `machine: task start-end …`.

use super::{task, workload};
use crate::simulate::{Chance, Kernel, Machines, Policy, Task, Ties, Workload};

/// The schedule, a line a machine.
fn schedule(work: &Workload, machines: &Machines, policy: Policy) -> Vec<String> {
    let mut lines: Vec<String> = (0..machines.count()).map(|machine| format!("{machine}:")).collect();
    Kernel::new(work, machines, policy, Chance::default()).play(0, |span| {
        if let Some(machine) = span.machine {
            lines[machine as usize] += &format!(" {} {}-{}", work.id(span.task), span.start, span.end);
        }
    });
    lines
}

fn mixed() -> Machines {
    Machines::new(2, &[1.0, 2.0]).unwrap()
}

#[test]
fn fifo_takes_the_lowest_machine_and_breaks_ties_by_id_as_strings() {
    // `a10` stands before `a9`, for ids are strings; and it goes to machine 0 although machine 1 is faster. At 2 both
    // machines are free again, and `b` takes the slow one.
    let work = workload(&[("b", 6.0), ("a9", 4.0), ("a10", 2.0)], &[]);
    assert_eq!(schedule(&work, &mixed(), Policy::Fifo), ["0: a10 0-2 b 2-8", "1: a9 0-2"]);
    assert_eq!(schedule(&work, &mixed(), Policy::FifoFastest), ["0: a9 0-4", "1: a10 0-1 b 1-4"]);
    assert_eq!(schedule(&work, &mixed(), Policy::CriticalPath), ["0: a9 0-4", "1: b 0-3 a10 3-4"]);
}

#[test]
fn fifo_plays_in_the_order_of_becoming_ready() {
    // `z` is ready from the start and waits; `a` becomes ready at 2, after it. Ids break ties only.
    let work = workload(&[("p", 2.0), ("q", 3.0), ("z", 1.0), ("a", 1.0)], &[("p", "a")]);
    let machines = Machines::identical(2);
    assert_eq!(schedule(&work, &machines, Policy::Fifo), ["0: p 0-2 z 2-3 a 3-4", "1: q 0-3"].map(str::to_owned));
}

#[test]
fn what_ends_at_one_instant_is_free_before_anything_starts() {
    // At 2 both `p` and `q` end; `a` (after `q`) stands before `b` (after `p`), though `p` is looked at first.
    let work = workload(&[("p", 2.0), ("q", 2.0), ("b", 1.0), ("a", 5.0)], &[("p", "b"), ("q", "a")]);
    let machines = Machines::identical(2);
    assert_eq!(schedule(&work, &machines, Policy::Fifo), ["0: p 0-2 a 2-7", "1: q 0-2 b 2-3"]);
}

#[test]
fn ranks_put_the_longest_way_first() {
    // FIFO begins with `a` and `b` and ends at 9; the longest way is c → d (1 + 6).
    let tasks = [("a", 2.0), ("b", 2.0), ("c", 1.0), ("d", 6.0)];
    let work = workload(&tasks, &[("c", "d")]);
    let machines = Machines::identical(2);
    assert_eq!(schedule(&work, &machines, Policy::Fifo), ["0: a 0-2 c 2-3 d 3-9", "1: b 0-2"]);
    for policy in [Policy::CriticalPath, Policy::Heft] {
        assert_eq!(schedule(&work, &machines, policy), ["0: c 0-1 d 1-7", "1: a 0-2 b 2-4"], "{policy}");
    }
    assert_eq!(work.lower_bound(&machines), 7.0);
    let path: Vec<&str> = work.critical_path().iter().map(|task| &**work.id(*task)).collect();
    assert_eq!(path, ["c", "d"]);
}

#[test]
fn equal_ranks_are_broken_by_id_and_equal_speeds_by_number() {
    let work = workload(&[("c", 2.0), ("b", 2.0), ("a", 2.0)], &[]);
    let machines = Machines::new(3, &[1.0, 2.0, 2.0]).unwrap();
    for policy in [Policy::FifoFastest, Policy::CriticalPath, Policy::Heft] {
        assert_eq!(schedule(&work, &machines, policy), ["0: c 0-2", "1: a 0-1", "2: b 0-1"], "{policy}");
    }
}

#[test]
fn nobody_waits_for_a_faster_machine() {
    // `b` would end at 3 on machine 1, had it waited; it takes machine 0, which is free, and ends at 4.
    let work = workload(&[("a", 2.0), ("b", 4.0)], &[]);
    let machines = Machines::new(2, &[1.0, 4.0]).unwrap();
    assert_eq!(schedule(&work, &machines, Policy::FifoFastest), ["0: b 0-4", "1: a 0-0.5"]);
    assert_eq!(schedule(&work, &machines, Policy::Heft), ["0: a 0-2", "1: b 0-1"]);
}

#[test]
fn tasks_of_no_time_pass_in_their_order() {
    let work = workload(&[("a", 0.0), ("b", 0.0), ("c", 1.0)], &[("a", "b"), ("b", "c")]);
    assert_eq!(schedule(&work, &Machines::identical(1), Policy::Fifo), ["0: a 0-0 b 0-0 c 0-1"]);
    let empty = Workload::new(Vec::new(), &[], Ties::ById).unwrap();
    let outcome = Kernel::new(&empty, &mixed(), Policy::Heft, Chance::default()).play(0, |_| {});
    assert_eq!((outcome.makespan, outcome.attempts, empty.critical_path()), (0.0, 0, Vec::new()));
}

#[test]
fn waits_take_time_but_no_machine() {
    // Two waits of 5 s beside a task: one machine is enough for all, and no speed makes them shorter.
    let idle = |id: &str, seconds| Task { idle: true, ..task(id, seconds) };
    let tasks = vec![idle("open", 0.0), task("a", 4.0), idle("ask", 5.0), idle("pause", 5.0), task("b", 2.0)];
    let work = Workload::new(tasks, &[(0, 1), (0, 2), (2, 4), (3, 4)], Ties::ById).unwrap();
    let machines = Machines::new(1, &[2.0]).unwrap();
    assert_eq!(schedule(&work, &machines, Policy::Fifo), ["0: a 0-2 b 5-6"]);
    assert_eq!((work.lower_bound(&machines), work.played(), work.work()), (6.0, 2, 6.0));
    let path: Vec<&str> = work.critical_path().iter().map(|task| &**work.id(*task)).collect();
    assert_eq!(path, ["b"], "waits are on the way, but are not tasks");
}

#[test]
fn outcomes_add_up() {
    let work = workload(&[("a", 2.0), ("b", 4.0), ("c", 1.0)], &[("a", "c")]);
    let outcome = Kernel::new(&work, &mixed(), Policy::Fifo, Chance::default()).play(0, |_| {});
    assert_eq!((outcome.makespan, outcome.busy), (3.0, 5.0));
    assert_eq!((outcome.cost_micros, outcome.tokens, outcome.attempts, outcome.peak), (30, 9, 3, 2));
}
