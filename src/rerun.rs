//! What a person asks of a run: which nodes play anew, which are played at all; and how that becomes rules for rows.

use crate::failure::Failure;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use symphony_ecs_core::score::Score;
use symphony_systems::ReuseRule;

/// Which nodes are played and which take over what is known. Part of a run's birth, so that it goes on as it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
pub struct Wanted {
    /// Reuse nothing: every node plays (its results are kept all the same)
    #[arg(long, conflicts_with = "from")]
    #[serde(default)]
    pub fresh: bool,
    /// Play this node and everything after it anew; take what comes before it from earlier runs where it finished
    /// (repeatable)
    #[arg(long, value_name = "NODE")]
    #[serde(default)]
    pub from: Vec<String>,
    /// Play only this node and what comes before it (repeatable)
    #[arg(long, value_name = "NODE")]
    #[serde(default)]
    pub until: Vec<String>,
    /// The seed that a person named; results of another seed do not count then.
    #[arg(skip)]
    #[serde(default)]
    pub seed: Option<u64>,
}

impl Wanted {
    /// The rule of each row; empty where all have the usual one.
    pub fn rules(&self, score: &Score) -> Result<Vec<ReuseRule>, Failure> {
        if self.fresh {
            return Ok(vec![ReuseRule::Anew; score.rows() as usize]);
        }
        if self.from.is_empty() {
            return Ok(Vec::new());
        }
        let after = score.cone_after(&rows_of(score, &self.from)?);
        Ok(after.into_iter().map(|after| if after { ReuseRule::Anew } else { ReuseRule::Finished }).collect())
    }

    /// Which rows are played; empty for all.
    pub fn asked(&self, score: &Score) -> Result<Vec<bool>, Failure> {
        match self.until.as_slice() {
            [] => Ok(Vec::new()),
            nodes => Ok(score.cone_before(&rows_of(score, nodes)?)),
        }
    }
}

/// The rows of nodes that are named on the command line.
pub fn rows_of(score: &Score, nodes: &[String]) -> Result<Vec<u32>, Failure> {
    nodes.iter().map(|node| row_of(score, node)).collect()
}

/// The row of a node that is named on the command line.
fn row_of(score: &Score, node: &str) -> Result<u32, Failure> {
    if let Some(row) = score.row_of(node) {
        return Ok(row.0);
    }
    let top = node.split(['.', '[']).next().unwrap_or(node);
    let help = match score.row_of(top) {
        Some(_) => format!("bodies are played as a whole: name the node around it, `{top}`"),
        None => near(node, score.ids.iter().map(|id| &**id)),
    };
    Err(Failure::usage(format!("the melody has no node `{node}`")).help(help))
}

/// Help for a name that is not known: the names that look like it, or all of them if they are few.
pub fn near<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> String {
    let known: BTreeSet<&str> = known.collect();
    let mut ranked: Vec<(usize, &str)> =
        known.iter().map(|name| (strsim::damerau_levenshtein(written, name), *name)).collect();
    ranked.sort_unstable();
    let close = |(far, name): &&(usize, &str)| *far <= 2.max(name.chars().count() / 3);
    let close: Vec<String> = ranked.iter().filter(close).take(3).map(|(_, name)| format!("`{name}`")).collect();
    match close.as_slice() {
        [] if known.len() <= 12 => format!("its nodes are: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
        [] => "`symphony graph MELODY` shows its nodes".to_owned(),
        close => format!("did you mean {}?", close.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use symphony_ecs_core::score::{Action, EdgeMode, NodeSpec, Wiring};

    /// n0 → n1 → n2, and n3 alone.
    fn score() -> Score {
        let edges = [(0, 1, EdgeMode::Hard), (1, 2, EdgeMode::Hard)];
        let specs = vec![NodeSpec::plain(Action::Pause(Duration::ZERO), Duration::ZERO)];
        Score::from_edges("m", 4, &edges, specs, Vec::new(), Wiring::Order).unwrap()
    }

    fn wanted(from: &[&str], until: &[&str]) -> Wanted {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Wanted { from: words(from), until: words(until), ..Wanted::default() }
    }

    #[test]
    fn from_plays_what_follows_and_until_what_comes_before() {
        use ReuseRule::{Anew, Finished};
        assert_eq!(wanted(&["n1"], &[]).rules(&score()).unwrap(), [Finished, Anew, Anew, Finished]);
        assert_eq!(wanted(&[], &["n1"]).asked(&score()).unwrap(), [true, true, false, false]);
        assert_eq!(wanted(&[], &["n1", "n3"]).asked(&score()).unwrap(), [true, true, false, true]);
        assert!(wanted(&[], &[]).rules(&score()).unwrap().is_empty());
        let fresh = Wanted { fresh: true, ..Wanted::default() };
        assert_eq!(fresh.rules(&score()).unwrap(), [Anew; 4]);
    }

    #[test]
    fn unknown_nodes_are_said_with_what_was_probably_meant() {
        let said = |node: &str| wanted(&[node], &[]).rules(&score()).unwrap_err().to_string();
        assert!(said("n1.inner").contains("name the node around it, `n1`"), "{}", said("n1.inner"));
        assert_eq!(near("verdct", ["verdict", "log"].into_iter()), "did you mean `verdict`?");
        assert_eq!(near("xyz", ["verdict", "log"].into_iter()), "its nodes are: log, verdict");
    }
}
