//! Random workloads: the kernel agrees with the naive scheduler, and no schedule breaks the rules or beats its bound.

use super::{oracle, task};
use crate::simulate::{Chance, Kernel, Machines, Policy, Span, Ties, Workload};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    ids: Vec<String>,
    seconds: Vec<f64>,
    edges: Vec<(u32, u32)>,
    count: usize,
    speeds: Vec<f64>,
}

impl Case {
    fn work(&self) -> Workload {
        let tasks = self.ids.iter().zip(&self.seconds).map(|(id, seconds)| task(id, *seconds)).collect();
        Workload::new(tasks, &self.edges, Ties::ById).unwrap()
    }

    fn machines(&self) -> Machines {
        Machines::new(self.count, &self.speeds).unwrap()
    }
}

/// Up to 14 tasks; `least` seconds each at least. Times are multiples of an eighth, so many things happen at once.
fn cases(least: u32) -> impl Strategy<Value = Case> {
    let speeds =
        prop_oneof![Just(vec![1.0]), Just(vec![1.0, 1.0, 2.0, 4.0]), Just(vec![4.0, 0.5]), Just(vec![3.0, 1.0])];
    (1usize..14).prop_flat_map(move |count| {
        (
            Just((0..count).map(|number| format!("t{number}")).collect::<Vec<_>>()).prop_shuffle(),
            proptest::collection::vec((least..24).prop_map(|eighths| f64::from(eighths) / 8.0), count),
            proptest::collection::vec((0..count as u32, 0..count as u32), 0..count * 2),
            1usize..6,
            speeds.clone(),
        )
            .prop_map(|(ids, seconds, pairs, machines, speeds)| {
                let ordered = pairs.into_iter().filter(|(a, b)| a != b).map(|(a, b)| (a.min(b), a.max(b)));
                let edges = ordered.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
                Case { ids, seconds, edges, count: machines, speeds }
            })
    })
}

fn spans(work: &Workload, machines: &Machines, policy: Policy, chance: Chance, run: u64) -> (f64, f64, Vec<Span>) {
    let mut spans = Vec::new();
    let outcome = Kernel::new(work, machines, policy, chance).play(run, |span| spans.push(span));
    (outcome.makespan, outcome.lower_bound, spans)
}

/// Relative room for the rounding of a sum made in another order.
const ROUNDING: f64 = 1e-12;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_kernel_agrees_with_the_naive_scheduler(case in cases(1)) {
        let (work, machines) = (case.work(), case.machines());
        for policy in Policy::ALL {
            let (_, _, spans) = spans(&work, &machines, policy, Chance::default(), 0);
            let expected = oracle::schedule(&case.ids, &case.seconds, &case.edges, machines.speeds(), policy);
            prop_assert_eq!(spans.len(), expected.len());
            for span in spans {
                let place = case.ids.iter().position(|id| **id == **work.id(span.task)).unwrap();
                let placed = (span.start, span.machine.unwrap() as usize);
                prop_assert_eq!(placed, expected[place], "{} under {}", &case.ids[place], policy);
            }
        }
    }

    #[test]
    fn schedules_keep_the_rules_and_the_bound(
        case in cases(0), failures in prop_oneof![Just(0.0), Just(0.2)], noise in prop_oneof![Just(0.0), Just(0.3)],
        seed in any::<u64>(),
    ) {
        let (work, machines) = (case.work(), case.machines());
        let chance = Chance { failures, noise, seed };
        for policy in Policy::ALL {
            let (makespan, bound, spans) = spans(&work, &machines, policy, chance, seed % 5);
            prop_assert!(makespan >= bound * (1.0 - ROUNDING), "{makespan} < {bound} under {policy}");
            let last = |task: u32| spans.iter().rfind(|span| span.task == task).copied().unwrap();
            for task in 0..work.len() as u32 {
                let of_task: Vec<&Span> = spans.iter().filter(|span| span.task == task).collect();
                let attempts: Vec<u8> = of_task.iter().map(|span| span.attempt).collect();
                prop_assert_eq!(&attempts, &(1..=attempts.len() as u8).collect::<Vec<_>>());
                prop_assert!(of_task.iter().rev().skip(1).all(|span| span.failed) && !last(task).failed);
                prop_assert!(of_task.windows(2).all(|pair| pair[0].end <= pair[1].start));
                for next in work.succ(task) {
                    prop_assert!(spans.iter().filter(|span| span.task == *next).all(|span| span.start >= last(task).end));
                }
            }
            for (place, span) in spans.iter().enumerate() {
                let clash = |other: &&Span| other.machine == span.machine && other.start < span.end && span.start < other.end;
                prop_assert!(!spans[place + 1..].iter().any(|other| clash(&other)));
            }
            if !chance.is_random() {
                prop_assert_eq!(bound, work.lower_bound(&machines));
                let path: f64 = work.critical_path().iter().map(|task| work.seconds(*task)).sum();
                prop_assert!(makespan >= path / machines.fastest() * (1.0 - ROUNDING));
                prop_assert!(bound >= path / machines.fastest() * (1.0 - ROUNDING));
            }
        }
    }

    /// With a machine for every task nothing waits: the makespan is the critical path.
    #[test]
    fn machines_for_all_leave_the_critical_path(case in cases(0)) {
        let (work, machines) = (case.work(), Machines::identical(case.ids.len()));
        for policy in Policy::ALL {
            let (makespan, bound, _) = spans(&work, &machines, policy, Chance::default(), 0);
            prop_assert_eq!(makespan, bound);
        }
    }
}
