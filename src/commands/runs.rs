//! `symphony runs`: what was played here.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::past::{self, Glance};
use crate::state::State;
use clap::Args;
use std::time::Duration;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::ports::JournalError;

/// List the runs of this project, the newest last
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony runs
  symphony runs --last 5 --json")]
pub struct Runs {
    /// Only the newest so many
    #[arg(long, value_name = "NUMBER")]
    last: Option<usize>,
    /// Print one JSON object a run
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let mut runs = state.run_ids()?;
        if let Some(last) = self.last {
            runs.drain(..runs.len().saturating_sub(last));
        }
        if runs.is_empty() && !self.json {
            return super::print(format!("no runs in {}\n", state.root().display()).as_bytes());
        }
        let now = crate::birth::now_ms();
        let mut text = String::new();
        for run in &runs {
            let glance = past::glance(state, run);
            text += &if self.json { object(run, &glance) } else { line(run, &glance, now) };
        }
        super::print(text.as_bytes())
    }
}

/// How a run stands, in a word.
fn standing(glance: &Glance) -> &'static str {
    match (glance.status, glance.owner) {
        (RunStatus::Playing, None) => "interrupted",
        (status, _) => status.as_str(),
    }
}

fn line(run: &RunId, glance: &Result<Glance, JournalError>, now: u64) -> String {
    match glance {
        Err(error) => format!("{run}  unreadable   {error}\n"),
        Ok(glance) => {
            let age = ago(Duration::from_millis(now.saturating_sub(glance.birth.born_ms)));
            format!("{run}  {:<11}  {age:>8} ago  {}\n", standing(glance), glance.birth.name)
        }
    }
}

fn object(run: &RunId, glance: &Result<Glance, JournalError>) -> String {
    let object = match glance {
        Err(error) => serde_json::json!({ "run": run, "status": "unreadable", "error": error.to_string() }),
        Ok(glance) => serde_json::json!({
            "run": run,
            "status": standing(glance),
            "melody": glance.birth.name,
            "path": glance.birth.path,
            "folder": glance.birth.folder,
            "born_ms": glance.birth.born_ms,
            "seed": glance.birth.seed,
            "clock": glance.birth.clock,
            "pid": glance.owner,
        }),
    };
    format!("{object}\n")
}

/// A span that people compare: the largest unit only.
fn ago(span: Duration) -> String {
    let seconds = span.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..86_400 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_one_unit() {
        let age = |seconds| ago(Duration::from_secs(seconds));
        assert_eq!([age(5), age(61), age(7300), age(90_000)], ["5 s", "1 min", "2 h", "1 days"]);
    }
}
