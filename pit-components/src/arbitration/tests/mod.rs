//! What the engine promises, held against random schedules and against what can be worked out by hand.

mod deadlock;
mod fairness;
mod schedules;
mod starvation;
mod strategies;

use super::*;

/// A demand of these amounts.
fn demand(parts: &[(u8, u64)]) -> Demand {
    Demand::of(parts.iter().map(|(resource, amount)| (ResourceId(*resource), *amount))).unwrap()
}

/// An engine of resources with one strategy.
fn engine(capacities: &[u64], strategy: Strategy) -> Engine {
    let resources = capacities.iter().map(|capacity| ResourceSpec {
        strategy,
        batch: if strategy == Strategy::Collaborate { 4 } else { 1 },
        ..ResourceSpec::new(Kind::Model, *capacity)
    });
    Engine::new(&EngineSpec::new(resources.collect())).unwrap()
}

/// Decides, and gives what was granted: labels and holds in order.
fn granted(engine: &mut Engine, now_ns: u64) -> Vec<(u64, HoldId)> {
    let mut decisions = Vec::new();
    engine.decide(now_ns, &mut decisions);
    let holds = decisions.iter().filter_map(|decision| match decision.outcome {
        Outcome::Granted(hold) => Some((decision.label, hold)),
        Outcome::Refused(_) | Outcome::Stop(_) => None,
    });
    holds.collect()
}

/// Random numbers, the same everywhere (Steele, Lea and Flood, "SplitMix", 2014).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}
