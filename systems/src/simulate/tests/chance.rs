//! Runs with chance: equal for equal seeds, on any number of threads.

use super::workload;
use crate::simulate::{Chance, Kernel, Machines, Policy, forecast};

fn tree() -> crate::simulate::Workload {
    let names: Vec<String> = (0..60).map(|number| format!("t{number:02}")).collect();
    let tasks: Vec<(&str, f64)> = names.iter().enumerate().map(|(n, id)| (id.as_str(), 1.0 + (n % 7) as f64)).collect();
    let edges: Vec<(&str, &str)> = (1..60).map(|n| (names[(n - 1) / 2].as_str(), names[n].as_str())).collect();
    workload(&tasks, &edges)
}

#[test]
fn forecasts_are_equal_on_any_number_of_threads() {
    let (work, machines) = (tree(), Machines::new(5, &[1.0, 2.0]).unwrap());
    let chance = Chance { failures: 0.1, noise: 0.3, seed: 42 };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| forecast(&work, &machines, Policy::Heft, chance, 200))
    };
    let one = on(1);
    assert_eq!(one, on(2));
    assert_eq!(one, on(8));
    assert_eq!(one.runs.len(), 200);
    let other = forecast(&work, &machines, Policy::Heft, Chance { seed: 43, ..chance }, 200);
    assert_ne!(one, other);
    let spread = one.spread(|run| run.makespan);
    assert!(spread.p5 < spread.p50 && spread.p50 < spread.p95, "{spread:?}");
}

#[test]
fn a_kernel_forgets_its_last_run() {
    let (work, machines) = (tree(), Machines::identical(3));
    let chance = Chance { failures: 0.3, noise: 0.5, seed: 1 };
    let mut kernel = Kernel::new(&work, &machines, Policy::CriticalPath, chance);
    let first: Vec<_> = (0..5).map(|run| kernel.play(run, |_| {})).collect();
    let again: Vec<_> = (0..5).rev().map(|run| kernel.play(run, |_| {})).collect();
    assert_eq!(first, again.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn luck_belongs_to_the_task_and_not_to_the_machine() {
    let work = tree();
    let chance = Chance { failures: 0.2, noise: 0.0, seed: 5 };
    let attempts = |machines: &Machines, policy| Kernel::new(&work, machines, policy, chance).play(0, |_| {}).attempts;
    let expected = attempts(&Machines::identical(1), Policy::Fifo);
    assert!(expected > 60);
    for policy in Policy::ALL {
        assert_eq!(attempts(&Machines::new(7, &[1.0, 3.0]).unwrap(), policy), expected, "{policy}");
    }
}

#[test]
fn what_always_fails_is_let_through_in_the_end() {
    let work = workload(&[("a", 2.0)], &[]);
    let chance = Chance { failures: 1.0, noise: 0.0, seed: 0 };
    let outcome = Kernel::new(&work, &Machines::identical(1), Policy::Fifo, chance).play(0, |_| {});
    let attempts = u64::from(Chance::ATTEMPTS);
    assert_eq!((outcome.attempts, outcome.let_through, outcome.makespan), (attempts, 1, 2.0 * attempts as f64));
    assert_eq!((outcome.cost_micros, outcome.lower_bound), (10 * attempts, outcome.makespan));
}
