//! What one process learned while it played, so that it can be added to a history that others have added to meanwhile.

use super::history::{Facts, History};
use super::recording::Recording;
use std::sync::Arc;

/// What was learned. Players are numbered as they stand here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Players, and what they were seen to take since the beginning.
    pub players: Vec<(Arc<str>, Facts)>,
    /// Runs that are over.
    pub runs: Vec<Recording>,
}

impl History {
    /// Adds what was learned elsewhere.
    pub fn absorb(&mut self, learned: &Learned) {
        let numbers: Vec<_> = learned.players.iter().map(|(name, _)| self.player(name)).collect();
        for ((_, news), number) in learned.players.iter().zip(&numbers) {
            if let Some(facts) = self.facts.get_mut(number.0 as usize) {
                facts.add(news);
            }
        }
        for run in &learned.runs {
            let mut own = run.clone();
            own.asked.retain(|(_, player)| numbers.get(player.0 as usize).is_some());
            for (_, player) in &mut own.asked {
                *player = numbers.get(player.0 as usize).copied().unwrap_or_default();
            }
            self.learn(&own);
        }
    }
}

impl Facts {
    /// Adds what was seen elsewhere; what is new weighs as if it had been seen here.
    fn add(&mut self, news: &Self) {
        const MOST: u64 = 8;
        let mean = |known: f64, count: u64, new: f64, new_count: u64| {
            let (count, new_count) = (count.min(MOST) as f64, new_count.min(MOST) as f64);
            if new_count == 0.0 { known } else { (known * count + new * new_count) / (count + new_count) }
        };
        self.load_seconds = mean(self.load_seconds, self.loads, news.load_seconds, news.loads);
        self.call_seconds = mean(self.call_seconds, self.calls, news.call_seconds, news.calls);
        self.loads += news.loads;
        self.calls += news.calls;
        self.failures += news.failures;
        self.cost_micros = self.cost_micros.saturating_add(news.cost_micros);
        self.memory = if news.memory > 0 { news.memory } else { self.memory };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::history::PlayerNo;
    use std::time::Duration;
    use symphony_ecs_core::clock::Time;

    #[test]
    fn what_two_processes_learned_adds_up_whatever_their_numbers() {
        let learned = |players: [&str; 2]| {
            let mut own = History::default();
            let numbers = players.map(|name| own.player(name));
            own.called(numbers[0], Duration::from_secs(2), false, 5);
            own.loaded(numbers[0], Duration::from_secs(1), Some(7));
            let mut run = Recording::new("m", 0);
            run.ask(Time(0), numbers[0]);
            run.ask(Time(1), PlayerNo(99));
            let facts = own.players().map(|(number, name)| (Arc::from(name), own.facts(number))).collect();
            Learned { players: facts, runs: vec![run] }
        };
        let mut history = History::default();
        history.absorb(&learned(["a", "b"]));
        history.absorb(&learned(["b", "a"]));
        let facts = |name: &str| history.facts(history.find(name).unwrap());
        for name in ["a", "b"] {
            let one = facts(name);
            assert_eq!((one.calls, one.failures, one.loads, one.memory, one.cost_micros), (1, 1, 1, 7, 5));
            assert_eq!((one.load_seconds, one.call_seconds), (1.0, 2.0));
        }
        assert_eq!(history.runs(), 2);
    }
}
