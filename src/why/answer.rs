//! The answer of `why`: a verdict on the node and the chain to where its reason began.

use serde::Serialize;
use std::fmt::Write as _;
use symphony_ecs_core::ids::RunId;

/// Whether a node would play.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It plays.
    Plays,
    /// It takes over what it, or an equal call, gave in a run.
    Reused {
        /// The run.
        from: RunId,
    },
    /// It plays only if a node before it gives something else than it did.
    Depends {
        /// That node.
        on: String,
    },
    /// It would not be played.
    Skipped,
}

/// One node of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its path.
    pub node: String,
    /// Whether it plays.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Why, in the order of weight.
    pub reasons: Vec<Reason>,
}

/// Why a node plays or does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `player`, `parameter`, `input`, `output`, `always`, `never_played`, `unfinished`, `forgotten`, `inside`,
    /// `unchanged` or `skipped`.
    pub what: &'static str,
    /// Which parameter, input or node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    /// For people.
    pub words: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The node that was asked about.
    pub node: String,
    /// Whether it plays: `true`, `false`, or nothing when that depends on what a node before it gives.
    pub plays: Option<bool>,
    /// The run that it was compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The node first, then what its reason follows from, up to where it began.
    pub chain: Vec<Step>,
}

impl Answer {
    /// The answer of a chain whose first step is the node.
    pub fn of(node: &str, run: Option<RunId>, chain: Vec<Step>) -> Self {
        let plays = match chain.first().map(|step| &step.verdict) {
            Some(Verdict::Plays) => Some(true),
            Some(Verdict::Reused { .. } | Verdict::Skipped) => Some(false),
            Some(Verdict::Depends { .. }) | None => None,
        };
        Self { node: node.to_owned(), plays, run, chain }
    }

    /// The answer for people.
    pub fn words(&self) -> String {
        let mut text = String::new();
        for (depth, step) in self.chain.iter().enumerate() {
            let indent = "  ".repeat(depth);
            let verdict = match &step.verdict {
                Verdict::Plays => "plays".to_owned(),
                Verdict::Reused { from } => format!("is reused, from run {from}"),
                Verdict::Depends { on } => format!("plays only if `{on}` gives something else than it did"),
                Verdict::Skipped => "is skipped".to_owned(),
            };
            let _ = writeln!(text, "{indent}{} {verdict}", step.node);
            for reason in &step.reasons {
                let _ = writeln!(text, "{indent}  {}", reason.words);
            }
        }
        if let Some(run) = &self.run {
            let _ = writeln!(text, "compared with run {run}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_reads_from_the_node_to_the_root() {
        let reason = |words: &str| vec![Reason { what: "input", words: words.to_owned(), ..Reason::default() }];
        let run = RunId::parse("r1").unwrap();
        let chain = vec![
            Step { node: "polish".into(), verdict: Verdict::Depends { on: "draft".into() }, reasons: vec![] },
            Step {
                node: "draft".into(),
                verdict: Verdict::Plays,
                reasons: reason("parameter `tone`: \"dry\" → \"warm\""),
            },
        ];
        let answer = Answer::of("polish", Some(run), chain);
        assert_eq!(answer.plays, None);
        insta::assert_snapshot!(answer.words(), @r#"
        polish plays only if `draft` gives something else than it did
          draft plays
            parameter `tone`: "dry" → "warm"
        compared with run r1
        "#);
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!((&json["plays"], &json["chain"][0]["on"]), (&serde_json::Value::Null, &"draft".into()));
    }
}
