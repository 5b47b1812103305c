//! Lines: who of the ready tasks starts next, for those who bring an order of their own to the kernel.

use std::fmt::Debug;
use symphony_pit::arbitration::{
    Decision, Demand, Engine, EngineSpec, HoldId, Kind, Outcome, PartyId, Request, ResourceId, ResourceSpec, SpecError,
    Strategy, Terms,
};

/// An order of ready tasks. The kernel asks whenever a machine is free and never waits for a better moment.
pub trait Line: Debug {
    /// A new run begins: nobody waits.
    fn clear(&mut self);
    /// A task became ready. Those of one instant come in the order of their numbers.
    fn admit(&mut self, task: u32, now: f64);
    /// The task that starts on a free machine.
    fn next(&mut self, now: f64) -> Option<u32>;
    /// A task's attempt ended and its machine is free.
    fn ended(&mut self, task: u32, now: f64);
    /// Whether nobody waits.
    fn is_empty(&self) -> bool;
}

/// What the Arbitration Engine is told of a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// For whom it plays.
    pub party: u32,
    /// The terms of its value.
    pub terms: Terms,
    /// When it should be over, in seconds; infinite for whenever.
    pub deadline: f64,
    /// How long it is thought to take, in seconds.
    pub seconds: f64,
}

/// Machines as seats that the Arbitration Engine gives out.
#[derive(Debug)]
pub struct Arbitrated {
    spec: EngineSpec,
    weights: Vec<u32>,
    claims: Vec<Claim>,
    engine: Engine,
    held: Vec<Option<HoldId>>,
    /// Granted and not started.
    granted: Vec<u32>,
    decisions: Vec<Decision>,
}

impl Arbitrated {
    /// As many seats as machines, one claim a task, one weight a party; a wait of `patience` seconds outweighs the
    /// whole of value.
    ///
    /// # Errors
    /// What is no engine.
    pub fn new(
        machines: u64,
        strategy: Strategy,
        patience: f64,
        weights: Vec<u32>,
        claims: Vec<Claim>,
    ) -> Result<Self, SpecError> {
        let seats = ResourceSpec { strategy, patience_ns: ns(patience), ..ResourceSpec::new(Kind::Gpu, machines) };
        let mut spec = EngineSpec::new(vec![seats]);
        // Order is what is looked at here; ageing by key alone bounds the waiting.
        spec.patience.passes = u32::MAX;
        spec.patience.wait_ns = u64::MAX;
        spec.kept = 1;
        let (engine, held) = (Engine::new(&spec)?, vec![None; claims.len()]);
        let mut line = Self { spec, weights, claims, engine, held, granted: Vec::new(), decisions: Vec::new() };
        line.clear();
        Ok(line)
    }

    /// The engine, to look at its counts.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Line for Arbitrated {
    fn clear(&mut self) {
        // The spec made an engine before.
        if let Ok(engine) = Engine::new(&self.spec) {
            self.engine = engine;
        }
        for weight in &self.weights {
            self.engine.add_party(*weight, &[]);
        }
        self.held.fill(None);
        self.granted.clear();
    }

    fn admit(&mut self, task: u32, now: f64) {
        let claim = self.claims[task as usize];
        let seat = Demand::of([(ResourceId(0), 1)]).unwrap_or_default();
        let request = Request {
            terms: claim.terms,
            deadline_ns: ns(claim.deadline),
            estimate_ns: ns(claim.seconds),
            ..Request::new(u64::from(task) + 1, PartyId(claim.party), seat)
        };
        // A seat of a party that is there is never refused.
        let _ = self.engine.submit(request, ns(now));
    }

    fn next(&mut self, now: f64) -> Option<u32> {
        if self.granted.is_empty() {
            self.decisions.clear();
            self.engine.decide(ns(now), &mut self.decisions);
            for decision in self.decisions.iter().rev() {
                if let Outcome::Granted(hold) = decision.outcome {
                    let task = (decision.label - 1) as u32;
                    self.held[task as usize] = Some(hold);
                    self.granted.push(task);
                }
            }
        }
        self.granted.pop()
    }

    fn ended(&mut self, task: u32, _now: f64) {
        if let Some(hold) = self.held[task as usize].take() {
            self.engine.give_back(hold, 0);
        }
    }

    fn is_empty(&self) -> bool {
        self.granted.is_empty() && self.engine.waiting() == 0
    }
}

fn ns(seconds: f64) -> u64 {
    // Saturates, also at infinity.
    (seconds.max(0.0) * 1e9) as u64
}

/// The task with the lowest key first, of equal ones the lower number.
#[derive(Debug)]
pub struct ByKey {
    keys: Vec<f64>,
    ready: std::collections::BTreeSet<(u64, u32)>,
}

impl ByKey {
    /// One key a task, not negative.
    pub fn new(keys: Vec<f64>) -> Self {
        Self { keys, ready: std::collections::BTreeSet::new() }
    }
}

impl Line for ByKey {
    fn clear(&mut self) {
        self.ready.clear();
    }

    fn admit(&mut self, task: u32, _now: f64) {
        // Keys are not negative, so their bits sort as they do.
        self.ready.insert(((self.keys[task as usize].max(0.0) + 0.0).to_bits(), task));
    }

    fn next(&mut self, _now: f64) -> Option<u32> {
        self.ready.pop_first().map(|(_, task)| task)
    }

    fn ended(&mut self, _task: u32, _now: f64) {}

    fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Chance, Kernel, Machines, Policy, Task, Ties, Workload};
    use super::*;

    fn tasks(seconds: &[f64]) -> Workload {
        let tasks = seconds.iter().enumerate().map(|(number, seconds)| Task {
            id: number.to_string(),
            seconds: *seconds,
            ..Task::default()
        });
        Workload::new(tasks.collect(), &[], Ties::AsGiven).unwrap()
    }

    fn starts(work: &Workload, line: impl Line + 'static) -> (Vec<u32>, f64) {
        let machines = Machines::new(1, &[1.0]).unwrap();
        let mut order = Vec::new();
        let mut kernel = Kernel::in_line(work, &machines, Box::new(line), Chance::default());
        let outcome = kernel.play(0, |span| order.push(span.task));
        let again = kernel.play(0, |_| {});
        assert_eq!(outcome, again, "a kernel plays many runs");
        (order, outcome.makespan)
    }

    #[test]
    fn the_shortest_first_and_the_engine_in_the_order_of_its_strategy() {
        let seconds = [3.0, 1.0, 2.0];
        let work = tasks(&seconds);
        assert_eq!(starts(&work, ByKey::new(seconds.to_vec())), (vec![1, 2, 0], 6.0));
        let claim = |party, business| Claim {
            party,
            terms: Terms { business, ..Terms::default() },
            deadline: f64::INFINITY,
            seconds: 1.0,
        };
        let claims = vec![claim(0, 0), claim(0, 5_000), claim(1, 10_000)];
        let by_value = Arbitrated::new(1, Strategy::Prioritise, 100.0, vec![1, 1], claims.clone()).unwrap();
        assert_eq!(starts(&work, by_value).0, [2, 1, 0]);
        let by_turn = Arbitrated::new(1, Strategy::RoundRobin, 100.0, vec![1, 1], claims).unwrap();
        assert_eq!(starts(&work, by_turn).0, [0, 2, 1]);
    }

    #[test]
    fn first_come_first_served_by_the_engine_is_the_kernels_own() {
        let seconds: Vec<f64> = (0..200).map(|number| f64::from(number * 37 % 23) + 1.0).collect();
        let edges: Vec<(u32, u32)> = (0..150).map(|number| (number, number + 50)).collect();
        let tasks = seconds.iter().enumerate().map(|(number, seconds)| Task {
            id: number.to_string(),
            seconds: *seconds,
            ..Task::default()
        });
        let work = Workload::new(tasks.collect(), &edges, Ties::AsGiven).unwrap();
        let machines = Machines::new(7, &[1.0]).unwrap();
        let claim = Claim { party: 0, terms: Terms::default(), deadline: f64::INFINITY, seconds: 1.0 };
        let line = Arbitrated::new(7, Strategy::Prioritise, 1.0, vec![1], vec![claim; 200]).unwrap();
        let mut spans = [Vec::new(), Vec::new()];
        Kernel::new(&work, &machines, Policy::Fifo, Chance::default()).play(0, |span| spans[0].push(span));
        Kernel::in_line(&work, &machines, Box::new(line), Chance::default()).play(0, |span| spans[1].push(span));
        assert_eq!(spans[0], spans[1]);
    }
}
