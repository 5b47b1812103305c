//! The view for files and pipes: a line of words for every transition, no colours, nothing redrawn.

use super::words::{self, money, span, tame};
use super::{Closing, Painter, stats::Stats};
use std::io::{self, Write};
use std::time::Duration;
use symphony_ecs_core::events::{Notice, What};

/// Line by line.
#[derive(Debug, Default)]
pub struct Plain {
    stats: Stats,
}

impl Painter for Plain {
    fn notice(&mut self, notice: &Notice, out: &mut dyn Write) -> io::Result<()> {
        let began = notice.node.as_deref().and_then(|node| self.stats.started(node));
        let took = began.map(|began| notice.time.since(began));
        self.stats.notice(notice);
        match line(notice, took) {
            Some(line) => writeln!(out, "{:>10.3}s  {line}", Duration::from_nanos(notice.time.0).as_secs_f64()),
            None => Ok(()),
        }
    }

    fn end(&mut self, closing: &Closing, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(words::closing(closing).as_bytes())
    }
}

/// The closing lines only.
#[derive(Debug)]
pub struct Quiet;

impl Painter for Quiet {
    fn notice(&mut self, _notice: &Notice, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, closing: &Closing, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(words::closing(closing).as_bytes())
    }
}

/// What happened, in words; nothing for what comes too often to be read.
fn line(notice: &Notice, took: Option<Duration>) -> Option<String> {
    let node = notice.node.as_deref().unwrap_or_default();
    let took = took.map(|took| format!(" in {}", span(took))).unwrap_or_default();
    Some(match &notice.what {
        What::RunBegan { melody, nodes, seed } => {
            format!("run {} plays {melody}: {nodes} nodes, seed {seed}", notice.run)
        }
        What::RunResumed { over } => format!("run {} goes on: {over} nodes are over already", notice.run),
        What::Rerouted { added, removed, replaced, by } => {
            let part = |word: &str, ids: &[String]| (!ids.is_empty()).then(|| format!("{word} {}", ids.join(", ")));
            let parts = [part("came", added), part("went", removed), part("replaced", replaced)];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("rewired by {by}: {}", parts.join("; "))
        }
        What::BodyOpened { .. } | What::Progress { .. } | What::Chunk { .. } => return None,
        What::NodeStarted { player, reconstructs: true, .. } => {
            format!("started  {node}  {player}, which reconstructs")
        }
        What::NodeStarted { player, attempt: 1, .. } => format!("started  {node}  {player}"),
        What::NodeStarted { player, attempt, .. } => format!("started  {node}  {player}, attempt {attempt}"),
        What::NodePlayed { cost_usd, .. } if *cost_usd > 0.0 => format!("played   {node}{took}, {}", money(*cost_usd)),
        What::NodePlayed { reconstructed: true, .. } => format!("played   {node}{took}, reconstructed"),
        What::NodePlayed { .. } => format!("played   {node}{took}"),
        What::NodeReused { from, .. } => format!("reused   {node}  of run {from}"),
        What::AttemptFailed { class, message, retry_at_ns, reconstructs } => {
            let next = match retry_at_ns {
                None if *reconstructs => "; it will be reconstructed".to_owned(),
                Some(at) => format!("; next attempt in {}", span(at.since(notice.time))),
                None => String::new(),
            };
            format!("faulted  {node}{took}: {class}: {}{next}", tame(message))
        }
        What::NodeSkipped { reason } => format!("skipped  {node}: {}", tame(reason)),
        What::NodeFailed { class, message } => format!("failed   {node}: {class}: {}", tame(message)),
        What::NodeCancelled => format!("stopped  {node}"),
        What::ApprovalAsked { .. } => {
            format!("waits    {node}: symphony approve {} {node} [--refuse]", notice.run)
        }
        What::ApprovalAnswered { approved: true, by } => format!("approved {node} by {}", tame(by)),
        What::ApprovalAnswered { approved: false, by } => format!("refused  {node} by {}", tame(by)),
        What::RunHalting { status, reason } => format!("halting ({}): {}", status.as_str(), tame(reason)),
        What::UndoStarted { player } => format!("undoing  {node}  {player}"),
        What::UndoEnded { error: None } => format!("undone   {node}"),
        What::UndoEnded { error: Some(error) } => format!("not undone {node}: {}", tame(error)),
        What::RunEnded { status } => format!("run {} {}", notice.run, status.as_str()),
        What::Log { level, message } => format!("{level:<8} {node}: {}", tame(message)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::stats::tests::{began, notice, played, started};
    use super::*;
    use symphony_ecs_core::clock::Time;
    use symphony_ecs_core::melody::model::ErrorClass;

    fn started_as(player: &str, attempt: u32, reconstructs: bool) -> What {
        What::NodeStarted { player: player.into(), attempt, reconstructs }
    }

    #[test]
    fn a_run_reads_as_a_story() {
        let mut plain = Plain::default();
        let mut out = Vec::new();
        let failed = What::AttemptFailed {
            class: ErrorClass::Timeout,
            message: "no answer\nwithin 2 s".into(),
            retry_at_ns: Some(Time(4_500_000_000)),
            reconstructs: false,
        };
        let story = [
            notice(0, "", began(3)),
            notice(1, "log", started()),
            notice(240, "log", played(0.0)),
            notice(240, "draft", started()),
            notice(2240, "draft", failed),
            notice(4500, "draft", started_as("instrument:scripted-model/chat", 2, false)),
            notice(
                5900,
                "draft",
                What::AttemptFailed {
                    class: ErrorClass::Refused,
                    message: "its gate was not passed".into(),
                    retry_at_ns: None,
                    reconstructs: true,
                },
            ),
            notice(5900, "draft", started_as("operator:text/restore", 3, true)),
            notice(6000, "draft", played(0.0123)),
            notice(6001, "fix", What::NodeSkipped { reason: "its condition is false".into() }),
            notice(6001, "page", What::NodeReused { outputs: Default::default(), from: notice(0, "", began(3)).run }),
            notice(6002, "ship", What::ApprovalAsked { until_ns: None }),
        ];
        for notice in &story {
            plain.notice(notice, &mut out).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
