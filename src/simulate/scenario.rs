//! A scenario: machines, policy and chance of a forecast, and what is changed for a comparison.

use symphony_systems::simulate::{Chance, Machines, Policy};

/// How a forecast is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// How many machines; `None` for as many as there are speeds, else as many as the subject allows.
    pub machines: Option<usize>,
    /// Their speeds, repeated.
    pub speeds: Vec<f64>,
    /// What starts next, and where.
    pub policy: Policy,
    /// What fails and varies.
    pub chance: Chance,
    /// Runs.
    pub runs: u32,
    /// Changes of the subject.
    pub changes: Vec<Change>,
}

/// A change of what is simulated.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `input.NAME=VALUE`: an input of the melody.
    Input(String),
    /// `NODE.with.SETTING=VALUE`: a setting of a node of the melody itself.
    Setting {
        /// The node.
        node: String,
        /// The setting.
        setting: String,
        /// Its value, as JSON or else as text.
        value: String,
    },
    /// `NODE.seconds=VALUE`, and likewise `cost_usd`, `tokens`, `failure`.
    Expected {
        /// A node (path without numbers), a task, or all tasks of a kind.
        node: String,
        /// Which quantity.
        quantity: Quantity,
        /// Its value.
        value: f64,
    },
}

/// What is expected of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Seconds.
    Seconds,
    /// Dollars.
    CostUsd,
    /// Tokens.
    Tokens,
    /// How probable a failure is.
    Failure,
}

impl Quantity {
    const ALL: [(&'static str, Self); 4] =
        [("seconds", Self::Seconds), ("cost_usd", Self::CostUsd), ("tokens", Self::Tokens), ("failure", Self::Failure)];
}

impl Scenario {
    /// The scenario of a `--what-if`: one or more `KEY=VALUE`, separated by spaces.
    ///
    /// # Errors
    /// What is wrong with it, and the cure.
    pub fn varied(&self, words: &str) -> Result<Self, String> {
        let mut scenario = self.clone();
        for word in words.split_whitespace() {
            scenario.change(word)?;
        }
        match words.trim().is_empty() {
            true => Err("nothing is changed; write KEY=VALUE, such as machines=16".to_owned()),
            false => Ok(scenario),
        }
    }

    fn change(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` changes nothing; write KEY=VALUE, such as machines=16"))?;
        match key {
            "machines" => self.machines = Some(machines(value)?),
            "speeds" => self.speeds = speeds(value)?,
            "policy" => self.policy = value.parse()?,
            "failures" => self.chance.failures = share(value)?,
            "noise" => self.chance.noise = share(value)?,
            "seed" => {
                self.chance.seed = value.parse().map_err(|_| format!("`{value}` is no seed; write a whole number"))?;
            }
            _ => self.changes.push(change_of(key, value)?),
        }
        Ok(())
    }

    /// The machines, where `most` would never have to wait.
    pub fn machines(&self, most: usize) -> Result<Machines, String> {
        let listed = self.speeds.len();
        let count = self.machines.unwrap_or(if listed > 1 { listed } else { most.max(1) });
        let one = [1.0];
        Machines::new(count, if listed == 0 { &one } else { &self.speeds }).map_err(|error| error.to_string())
    }

    /// Whether machines were asked for.
    pub fn names_machines(&self) -> bool {
        self.machines.is_some() || self.speeds.len() > 1
    }
}

fn change_of(key: &str, value: &str) -> Result<Change, String> {
    if let Some(input) = key.strip_prefix("input.") {
        return Ok(Change::Input(format!("{input}={value}")));
    }
    let unknown = || {
        format!(
            "`{key}` cannot be changed; there are machines, speeds, policy, failures, noise, seed, input.NAME, \
             NODE.seconds, NODE.cost_usd, NODE.tokens, NODE.failure and NODE.with.SETTING"
        )
    };
    let (node, last) = key.rsplit_once('.').ok_or_else(unknown)?;
    if let Some(node) = node.strip_suffix(".with") {
        return Ok(Change::Setting { node: node.to_owned(), setting: last.to_owned(), value: value.to_owned() });
    }
    let (_, quantity) = Quantity::ALL.into_iter().find(|(name, _)| *name == last).ok_or_else(unknown)?;
    let most = if quantity == Quantity::Failure { 1.0 } else { f64::MAX };
    let number: f64 = value.parse().map_err(|_| format!("`{value}` is no number, in `{key}={value}`"))?;
    match (0.0..=most).contains(&number) {
        true => Ok(Change::Expected { node: node.to_owned(), quantity, value: number }),
        false => {
            Err(format!("`{key}={value}`: it must be at least 0{}", if most == 1.0 { " and at most 1" } else { "" }))
        }
    }
}

/// A number of machines.
pub fn machines(word: &str) -> Result<usize, String> {
    let most = 1_000_000;
    match word.parse() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(format!("`{word}` is no number of machines; write a whole number from 1 to {most}")),
    }
}

/// Speeds, separated by commas.
pub fn speeds(words: &str) -> Result<Vec<f64>, String> {
    let speed = |word: &str| match word.trim().parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err(format!("`{word}` is no speed; write numbers above 0, such as 1,1,2,4")),
    };
    words.split(',').map(speed).collect()
}

/// A share, 0 to 1.
pub fn share(word: &str) -> Result<f64, String> {
    match word.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{word}` is no share; write a number from 0 to 1, such as 0.1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Scenario {
        Scenario {
            machines: None,
            speeds: Vec::new(),
            policy: Policy::Fifo,
            chance: Chance::default(),
            runs: 1,
            changes: Vec::new(),
        }
    }

    #[test]
    fn words_change_a_scenario() {
        let varied = base().varied("machines=16 speeds=1,2.5 policy=heft noise=0.3 a.b.seconds=2").unwrap();
        assert_eq!((varied.machines, varied.policy, varied.chance.noise), (Some(16), Policy::Heft, 0.3));
        assert_eq!(varied.speeds, [1.0, 2.5]);
        let seconds = Change::Expected { node: "a.b".into(), quantity: Quantity::Seconds, value: 2.0 };
        assert_eq!(varied.changes, [seconds]);
        let varied = base().varied("input.n=3 review.with.latency_ms=9").unwrap();
        let setting = Change::Setting { node: "review".into(), setting: "latency_ms".into(), value: "9".into() };
        assert_eq!(varied.changes, [Change::Input("n=3".into()), setting]);
    }

    #[test]
    fn what_changes_nothing_says_what_could() {
        let complain = |words: &str| base().varied(words).unwrap_err();
        assert!(complain("machines").contains("write KEY=VALUE"));
        assert!(complain("machines=0").contains("from 1 to"));
        assert!(complain("speed=3").contains("NODE.seconds"));
        assert!(complain("a.with=3").contains("NODE.seconds"));
        assert!(complain("policy=best").contains("fifo, fifo-fastest, critical-path, heft"));
        assert!(complain("a.failure=2").contains("at most 1"));
        assert!(complain("a.seconds=-1").contains("at least 0"));
        assert!(complain("noise=2").contains("from 0 to 1"));
        assert!(complain(" ").contains("nothing is changed"));
    }

    #[test]
    fn machines_are_as_many_as_speeds_or_as_wanted() {
        let counts = |machines, speeds: &[f64]| {
            Scenario { machines, speeds: speeds.to_vec(), ..base() }.machines(100).unwrap().count()
        };
        assert_eq!((counts(None, &[]), counts(None, &[2.0]), counts(None, &[1.0, 2.0])), (100, 100, 2));
        assert_eq!(counts(Some(8), &[1.0, 2.0]), 8);
    }
}
