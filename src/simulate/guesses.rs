//! Guesses: what a call would take and give, from the best that is known of it.
//!
//! Seconds, cost, tokens and the probability of a failure are each taken from the first of these that knows them:
//!
//! 1. `estimate` of the node (or a change of a comparison),
//! 2. history: calls of the same operation in earlier runs of this project,
//! 3. the player's own profile: the scripted model's settings,
//! 4. a default: one second, no cost, no tokens, no failure.
//!
//! Outputs are what is pinned, else what the scripted model would answer, else samples of their types.

use super::pins::Pins;
use super::samples::{ITEMS, sample};
use super::scenario::{Change, Quantity};
use crate::rehearsal::{SCRIPTED, Scripted};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use symphony_ecs_core::melody::check::Checked;
use symphony_ecs_core::melody::model::{ErrorClass, Estimate};
use symphony_ecs_core::ports::{CallFailure, CallOutcome, CallRequest, Port, SettingValue, Usage};
use symphony_ecs_core::value::Value;
use symphony_systems::simulate::{Expected, History};
use symphony_systems::stage::{Rehearsal, Rehearsed};

/// Seconds of a call of which nothing is known.
pub const DEFAULT_SECONDS: f64 = 1.0;

/// Where the duration of a call was taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The node's `estimate`.
    Estimate,
    /// Earlier runs.
    History,
    /// The player's own profile.
    Profile,
    /// Nothing is known.
    Default,
}

impl Origin {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Estimate => "estimate",
            Self::History => "history",
            Self::Profile => "profile",
            Self::Default => "default",
        }
    }
}

/// Models of all players of a melody.
pub struct Guesses {
    /// The melody and its bodies.
    pub checked: Checked,
    /// What earlier runs teach.
    pub history: Arc<History>,
    /// What is pinned, by melody.
    pub pins: Vec<Pins>,
    /// What a comparison changes.
    pub changes: Vec<Change>,
    /// Items of sample lists.
    items: usize,
    /// Whether chance had a part in any answer.
    drew: AtomicBool,
    origins: Mutex<BTreeMap<String, Origin>>,
}

impl Guesses {
    /// Models of the players of a melody.
    pub fn new(checked: Checked, history: Arc<History>, pins: Vec<Pins>, changes: Vec<Change>) -> Self {
        let (drew, origins) = (AtomicBool::new(false), Mutex::default());
        Self { checked, history, pins, changes, items: ITEMS, drew, origins }
    }

    /// The same models, but for sample lists that have no items.
    pub fn with_empty_lists(&self) -> Self {
        let (checked, history) = (self.checked.clone(), Arc::clone(&self.history));
        Self { items: 0, ..Self::new(checked, history, self.pins.clone(), self.changes.clone()) }
    }

    /// Whether another seed could give another play.
    pub fn drew(&self) -> bool {
        self.drew.load(Ordering::Relaxed)
    }

    /// Where the durations of nodes (paths without numbers) were taken from.
    pub fn origins(&self) -> BTreeMap<String, Origin> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a function of this process is expected to take.
    pub fn of_function(&self, path: &str) -> Expected {
        let estimate = self.estimate(&without_numbers(path));
        Expected {
            seconds: estimate.seconds.unwrap_or(0.0),
            cost_micros: estimate.cost_micros.unwrap_or(0),
            tokens: estimate.tokens.unwrap_or(0),
        }
    }

    /// The node at a path without numbers: which melody, and its place in it.
    fn place(&self, path: &str) -> Option<(usize, usize)> {
        let (mut melody, mut found) = (0, None);
        for id in path.split('.') {
            let here = self.checked.melodies.get(melody)?;
            let place = here.melody.nodes.iter().position(|node| node.id.value == id)?;
            found = Some((melody, place));
            melody = here.nodes.get(place).and_then(|node| node.body).unwrap_or(usize::MAX);
        }
        found
    }

    /// `estimate` of the node at a path without numbers, changed.
    fn estimate(&self, node: &str) -> Estimate {
        let found = self.place(node).and_then(|(melody, place)| {
            let melody = self.checked.melodies.get(melody)?;
            Some((melody.melody.nodes.get(place)?, melody.nodes.get(place)?))
        });
        let mut estimate = found.map(|(node, _)| node.estimate).unwrap_or_default();
        let players: Vec<&str> =
            found.map(|(_, node)| node.players.iter().map(|player| player.name.as_str()).collect()).unwrap_or_default();
        for change in &self.changes {
            if let Change::Expected { node: changed, quantity, value } = change
                && (changed == node || players.contains(&changed.as_str()))
            {
                match quantity {
                    Quantity::Seconds => estimate.seconds = Some(*value),
                    Quantity::CostUsd => estimate.cost_micros = Some((value * 1e6).round() as u64),
                    Quantity::Tokens => estimate.tokens = Some(value.round() as u64),
                    Quantity::Failure => estimate.failure = Some(*value),
                }
            }
        }
        estimate
    }

    /// What is pinned for a node, and its id.
    fn pinned(&self, node: &str) -> Option<(&Pins, &str)> {
        let (melody, place) = self.place(node)?;
        let id = self.checked.melodies.get(melody)?.melody.nodes.get(place)?.id.value.as_str();
        self.pins.get(melody).filter(|pins| pins.has(id)).map(|pins| (pins, id))
    }

    fn outputs(&self, node: &str, request: &CallRequest, answered: Option<&CallOutcome>) -> Vec<(String, Value)> {
        let melody = self.place(node).and_then(|(melody, _)| self.checked.melodies.get(melody));
        let schemas = melody.map(|melody| Arc::clone(&melody.schemas)).unwrap_or_default();
        let pinned = self.pinned(node);
        let of = |name: &str| answered?.outputs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let value = |port: &Port| {
            let pinned = pinned.and_then(|(pins, id)| pins.get(id, &port.name).cloned());
            pinned.or_else(|| of(&port.name)).unwrap_or_else(|| sample(&port.ty, &schemas, self.items))
        };
        request.outputs.iter().map(|port| (port.name.clone(), value(port))).collect()
    }

    fn note(&self, node: &str, origin: Origin) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.entry(node.to_owned()).or_insert(origin);
    }
}

impl Rehearsal for Guesses {
    fn rehearse(&self, request: &CallRequest, estimate: Duration) -> Rehearsed {
        let node = without_numbers(&request.path);
        let own = (request.operation.name == SCRIPTED).then(|| Scripted.rehearse(request, estimate));
        if own.is_some() && draws(request) {
            self.drew.store(true, Ordering::Relaxed);
        }
        let own_usage = own.as_ref().map(|own| match &own.result {
            Ok(outcome) => outcome.usage,
            Err(failure) => failure.usage,
        });
        let known = self.estimate(&node);
        let past = self.history.typical(&request.operation.name);
        let (seconds, origin) = match (known.seconds, past, &own) {
            (Some(seconds), ..) => (seconds, Origin::Estimate),
            (None, Some(past), _) => (past.seconds, Origin::History),
            (None, None, Some(own)) => (own.took.as_secs_f64(), Origin::Profile),
            (None, None, None) => (DEFAULT_SECONDS, Origin::Default),
        };
        self.note(&node, origin);
        let cost_micros = known.cost_micros.or(past.map(|past| past.cost_micros));
        let tokens = known.tokens.or(past.map(|past| past.tokens));
        let usage = Usage {
            cost_micros: cost_micros.or(own_usage.map(|usage| usage.cost_micros)).unwrap_or(0),
            tokens: tokens.or(own_usage.map(|usage| usage.tokens)).unwrap_or(0),
        };
        let mut took = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let failed =
            |class, message: &str| Err(CallFailure { class, message: message.to_owned(), retry_after: None, usage });
        if let Some(timeout) = request.timeout.filter(|timeout| took > *timeout) {
            took = timeout;
            return Rehearsed { took, result: failed(ErrorClass::Timeout, "it would take longer than its time-out") };
        }
        let chance = known.failure.or(past.map(|past| past.failure));
        if let Some(chance) = chance.filter(|chance| *chance > 0.0) {
            self.drew.store(true, Ordering::Relaxed);
            // 53 bits of the seed of this attempt, from 0 up to 1.
            if ((request.seed >> 11) as f64 / (1u64 << 53) as f64) < chance {
                return Rehearsed { took, result: failed(ErrorClass::Io, "a failure that the forecast drew") };
            }
        }
        let outcome = |answered| CallOutcome { outputs: self.outputs(&node, request, answered), usage };
        let result = match own.map(|own| own.result) {
            Some(Err(failure)) if chance.is_none() && self.pinned(&node).is_none() => {
                Err(CallFailure { usage, ..failure })
            }
            Some(Ok(answered)) => Ok(outcome(Some(&answered))),
            Some(Err(_)) | None => Ok(outcome(None)),
        };
        Rehearsed { took, result }
    }
}

/// Whether the scripted model's answer depends on its seed: a latency that varies, faults at a rate, or a quality that
/// is nowhere given and that somebody may look at.
fn draws(request: &CallRequest) -> bool {
    let setting = |name: &str| {
        request.settings.iter().find_map(|(known, setting)| match setting {
            SettingValue::Value(value) if **known == *name => Some(value),
            _ => None,
        })
    };
    let above_zero = |value: Option<&Value>| value.and_then(Value::as_float).is_some_and(|value| value > 0.0);
    above_zero(setting("jitter"))
        || above_zero(setting("fail").and_then(|fail| fail.get("rate")))
        || setting("quality").is_none()
}

/// A path without the numbers of iterations and items, and without the word for an undo: `fix_loop.patch` for
/// `fix_loop[3].patch`.
pub fn without_numbers(path: &str) -> String {
    let path = path.split('#').next().unwrap_or(path);
    let mut plain = String::with_capacity(path.len());
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            letter if !inside => plain.push(letter),
            _ => {}
        }
    }
    plain.strip_suffix(".undo").map(str::to_owned).unwrap_or(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_out_of_paths() {
        for (path, plain) in [
            ("a", "a"),
            ("fix_loop[3].patch", "fix_loop.patch"),
            ("pages[12]", "pages"),
            ("l[1].m[2].x#3", "l.m.x"),
            ("ship.undo", "ship"),
        ] {
            assert_eq!(without_numbers(path), plain);
        }
    }
}
