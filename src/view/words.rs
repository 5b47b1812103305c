//! Words for what a person reads of a run: spans of time, money, the closing lines.

use std::fmt::Write as _;
use std::time::Duration;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::events::notice::Summary;

/// A span of time in at most seven characters: `340ms`, `4.2s`, `3m07s`, `2h05m`.
pub fn span(span: Duration) -> String {
    let ms = span.as_millis();
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{ms}ms"),
        1..=59 => format!("{}.{}s", seconds, (ms % 1000) / 100),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Money: cents are not enough for single calls.
pub fn money(dollars: f64) -> String {
    if dollars >= 1.0 { format!("${dollars:.2}") } else { format!("${dollars:.4}") }
}

/// A player's text made fit for a terminal: no control characters, no line breaks.
pub fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The closing lines of a run.
pub fn summary(summary: &Summary) -> String {
    let mut text = String::new();
    let _ = write!(text, "{} {}: {} played", summary.run, summary.status.as_str(), summary.played);
    for (count, word) in [(summary.skipped, "skipped"), (summary.failed, "failed")] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    let _ = write!(text, " of {} nodes in {}", summary.nodes, span(Duration::from_secs_f64(summary.wall_s.max(0.0))));
    if summary.cost_usd > 0.0 {
        let _ = write!(text, ", {}", money(summary.cost_usd));
    }
    if summary.tokens > 0 {
        let _ = write!(text, ", {} tokens", summary.tokens);
    }
    text.push('\n');
    if let Some(reason) = &summary.reason {
        let _ = writeln!(text, "  {reason}");
    }
    let widest = summary.artifacts.keys().map(String::len).max().unwrap_or(0);
    for (name, digest) in &summary.artifacts {
        let _ = writeln!(text, "  {name:<widest$}  {digest}");
    }
    match summary.status {
        _ if summary.resumable => {
            let _ = writeln!(text, "  go on with: symphony resume {}", summary.run);
        }
        RunStatus::Completed => {}
        _ => {
            let _ = writeln!(text, "  look closer with: symphony show {}", summary.run);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let text = |ms| span(Duration::from_millis(ms));
        assert_eq!(text(340), "340ms");
        assert_eq!(text(4_250), "4.2s");
        assert_eq!(text(187_000), "3m07s");
        assert_eq!(text(7_500_000), "2h05m");
    }

    #[test]
    fn escapes_of_players_do_not_reach_the_terminal() {
        assert_eq!(tame("a\x1b[31mb\r\nc\u{9b}d"), "a [31mb  c d");
    }
}
