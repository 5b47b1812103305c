//! Words for what a person reads of a run: spans of time, money, the closing lines.

use super::Closing;
use std::fmt::Write as _;
use std::time::Duration;
use symphony_ecs_core::events::RunStatus;
use symphony_ecs_core::value::Value;

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

/// A value in a few words: short text as it is, everything else by kind and size.
pub fn in_short(value: &Value) -> String {
    const WIDEST: usize = 72;
    match value {
        Value::Text(text) if text.chars().count() <= WIDEST && !text.trim().contains('\n') => tame(text.trim()),
        Value::Text(text) => format!("{} of text", size(text.len() as u64)),
        Value::Bytes(bytes) => size(bytes.len() as u64),
        Value::Artifact(handle) => format!("{} of {}", size(handle.size), handle.media_type),
        other => match other.canonical_json() {
            json if json.chars().count() <= WIDEST => tame(&json),
            json => format!("{} of JSON", size(json.len() as u64)),
        },
    }
}

/// A number of bytes in at most seven characters.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// The closing lines of a run.
pub fn closing(closing: &Closing) -> String {
    let summary = &closing.summary;
    let mut text = String::new();
    let status = if summary.resumable { "interrupted" } else { summary.status.as_str() };
    let _ = write!(text, "{} {status}: {} played", summary.run, summary.played);
    for (count, word) in [(summary.reused, "reused"), (summary.skipped, "skipped"), (summary.failed, "failed")] {
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
    if let Some(reason) = summary.reason.as_ref().filter(|_| !summary.resumable) {
        let _ = writeln!(text, "  {}", tame(reason));
    }
    let widest = closing.outputs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &closing.outputs {
        let _ = writeln!(text, "  {name:<widest$}  {value}");
    }
    match summary.status {
        _ if summary.resumable => {
            let _ = writeln!(text, "  go on with: symphony resume {}", summary.run);
        }
        RunStatus::Failed | RunStatus::Halted => {
            let _ = writeln!(text, "  look closer with: symphony show {}", summary.run);
        }
        RunStatus::Completed | RunStatus::Cancelled | RunStatus::Playing => {}
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

    #[test]
    fn values_are_told_in_a_few_words() {
        assert_eq!(in_short(&Value::text("notes.md\n")), "notes.md");
        assert_eq!(in_short(&Value::text("a\nb")), "3 B of text");
        assert_eq!(in_short(&Value::Int(7)), "7");
        assert_eq!(in_short(&Value::text("x".repeat(5000))), "4.9 KiB of text");
    }
}
