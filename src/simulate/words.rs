//! A forecast in words: for people.

use super::guesses::DEFAULT_SECONDS;
use super::outlook::Outlook;
use std::fmt::Write as _;
use symphony_systems::simulate::{Machines, Outcome, Percentiles};

/// Rows of a breakdown.
const ROWS: usize = 8;
/// Characters of a path.
const PATH: usize = 72;

/// A forecast, as lines.
pub fn forecast(outlook: &Outlook) -> String {
    let mut text = String::new();
    let played = format!("{}, {}", count(outlook.tasks, "task"), count(outlook.edges, "edge"));
    let runs = match outlook.forecast.runs.len() {
        1 => String::new(),
        many => format!(", {many} runs"),
    };
    let _ = writeln!(text, "{}: {played}, {}, {}{runs}\n", outlook.name, machines(&outlook.machines), outlook.policy);
    quantities(&mut text, outlook);
    critical(&mut text, outlook);
    breakdown(&mut text, outlook);
    let notes = notes(outlook);
    if !notes.is_empty() {
        text.push('\n');
    }
    notes.iter().for_each(|note| text += &format!("  note: {note}\n"));
    text
}

fn quantities(text: &mut String, outlook: &Outlook) {
    let spread = |of: fn(&Outcome) -> f64| outlook.forecast.spread(of);
    let (makespan, bound) = (spread(|run| run.makespan), spread(|run| run.lower_bound));
    let mut line = |name: &str, value: &str, more: &str| {
        let more = if more.is_empty() { String::new() } else { format!("   {more}") };
        let _ = writeln!(text, "  {name:<13} {value:>12}{more}");
    };
    line("makespan", &span(makespan.p50), &range(outlook, makespan, span));
    let above = if bound.p50 > 0.0 { (makespan.p50 / bound.p50 - 1.0) * 100.0 } else { 0.0 };
    line("lower bound", &span(bound.p50), &format!("the makespan is {above:.1} % above it"));
    if let Some(took) = outlook.took {
        line("recorded", &span(took), "what it really took, with its own machines and transfers");
    }
    let (cost, tokens) = (spread(|run| run.cost_micros as f64), spread(|run| run.tokens as f64));
    if cost.p95 > 0.0 {
        line("cost", &usd(cost.p50), &range(outlook, cost, usd));
    }
    if tokens.p95 > 0.0 {
        line("tokens", &whole(tokens.p50), &range(outlook, tokens, whole));
    }
    let capacity = makespan.p50 * outlook.machines.count() as f64;
    let busy = spread(|run| run.busy).p50;
    if capacity > 0.0 {
        line("machines", &format!("{:.0} % busy", 100.0 * busy / capacity), &format!("{} of work", span(busy)));
    }
    let failed = spread(|run| run.attempts as f64);
    if outlook.is_spread() && failed.p95 > failed.p5 {
        line("attempts", &whole(failed.p50), &range(outlook, failed, whole));
    }
    let let_through: u64 = outlook.forecast.runs.iter().map(|run| run.let_through).sum();
    if let_through > 0 {
        line("let through", &let_through.to_string(), "tasks whose last allowed attempt would have failed too");
    }
}

/// Percentiles beside a median.
fn range(outlook: &Outlook, spread: Percentiles, show: impl Fn(f64) -> String) -> String {
    match outlook.is_spread() {
        true => format!("p5 {}   p95 {}", show(spread.p5), show(spread.p95)),
        false => String::new(),
    }
}

fn critical(text: &mut String, outlook: &Outlook) {
    let ids = outlook.critical_ids();
    let seconds: f64 = outlook.critical.iter().map(|task| outlook.work.seconds(*task)).sum();
    let _ = writeln!(text, "\n  critical path: {}, {}", count(ids.len(), "task"), span(seconds));
    let mut line = String::new();
    let mut lines = 0;
    for (place, id) in ids.iter().enumerate() {
        let step = if place == 0 { (*id).to_owned() } else { format!(" → {id}") };
        if !line.is_empty() && line.chars().count() + step.chars().count() > PATH {
            let _ = writeln!(text, "    {}", line.trim_start());
            line.clear();
            lines += 1;
            if lines == ROWS {
                let _ = writeln!(text, "    … and {} more", ids.len() - place);
                return;
            }
        }
        line += &step;
    }
    if !line.is_empty() {
        let _ = writeln!(text, "    {}", line.trim_start());
    }
}

fn breakdown(text: &mut String, outlook: &Outlook) {
    let shares = if outlook.origins.is_empty() { outlook.by_kind() } else { outlook.by_node() };
    let total_cost: u64 = shares.iter().map(|share| share.cost_micros).sum();
    let total_time: f64 = shares.iter().map(|share| share.seconds).sum();
    let what = if total_cost > 0 { "where money and time go" } else { "where time goes" };
    let _ = writeln!(text, "\n  {what}");
    let width = shares.iter().take(ROWS).map(|share| share.name.chars().count()).max().unwrap_or(0).min(44);
    for share in shares.iter().take(ROWS) {
        let part = match total_cost {
            0 if total_time > 0.0 => share.seconds / total_time,
            0 => 0.0,
            total => share.cost_micros as f64 / total as f64,
        };
        let money = if total_cost > 0 { format!("{:>11}", usd(share.cost_micros as f64)) } else { String::new() };
        let bar = "█".repeat((part * 20.0).round() as usize);
        let calls = format!("{} ×", share.attempts);
        let (name, time) = (cut(&share.name, width), span(share.seconds));
        let line = format!("    {name:<width$} {calls:>7} {time:>11}{money} {:>4.0} %  {bar}", part * 100.0);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if let Some(rest) = shares.get(ROWS..).filter(|rest| !rest.is_empty()) {
        let time = span(rest.iter().map(|share| share.seconds).sum());
        let _ = writeln!(text, "    and {} others, {time}", rest.len());
    }
}

/// What a reader should know.
pub fn notes(outlook: &Outlook) -> Vec<String> {
    let mut notes = outlook.notes.clone();
    if let (count @ 1.., reason) = &outlook.ended_badly {
        let share = match outlook.forecast.runs.len() {
            1 => "the run does not complete".to_owned(),
            runs => format!("{} of {runs} runs do not complete", count.min(&runs)),
        };
        notes.push(format!("{share}: {}", reason.as_deref().unwrap_or("it stops before its end")));
    }
    if !outlook.origins.is_empty() {
        let from: Vec<String> = outlook
            .origins
            .iter()
            .map(|(origin, nodes)| format!("{} of {}", origin.as_str(), count(*nodes, "node")))
            .collect();
        notes.push(format!("durations are from {} (default: {})", from.join(", "), span(DEFAULT_SECONDS)));
    }
    notes
}

/// The base and its variants, side by side.
pub fn comparison(base: &Outlook, variants: &[(String, Outlook)]) -> String {
    let all: Vec<(&str, &Outlook)> = std::iter::once(("as given", base))
        .chain(variants.iter().map(|(name, outlook)| (name.as_str(), outlook)))
        .collect();
    type Row = (&'static str, fn(&Outcome) -> f64, fn(f64) -> String);
    let rows: [Row; 4] = [
        ("makespan", |run| run.makespan, span),
        ("lower bound", |run| run.lower_bound, span),
        ("cost", |run| run.cost_micros as f64, usd),
        ("tokens", |run| run.tokens as f64, whole),
    ];
    let width = all.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(20);
    let mut text = format!("\n  what if\n    {:<12}", "");
    all.iter().for_each(|(name, _)| {
        let _ = write!(text, "  {name:>width$}");
    });
    text.push('\n');
    for (name, of, show) in rows {
        let values: Vec<f64> = all.iter().map(|(_, outlook)| outlook.forecast.spread(of).p50).collect();
        if values.iter().all(|value| *value == 0.0) {
            continue;
        }
        let _ = write!(text, "    {name:<12}");
        for value in &values {
            let base = values.first().copied().unwrap_or(0.0);
            let change = match base > 0.0 && *value != base {
                true => format!("{} ({:+.1} %)", show(*value), (value / base - 1.0) * 100.0),
                false => show(*value),
            };
            let _ = write!(text, "  {change:>width$}");
        }
        text.push('\n');
    }
    let _ = write!(text, "    {:<12}", "machines");
    for (_, outlook) in &all {
        let words = format!("{}, {}", outlook.machines.count(), outlook.policy);
        let _ = write!(text, "  {words:>width$}");
    }
    text.push('\n');
    text
}

/// Machines in words: `8 machines (speeds 1, 1, 2, 4)`.
pub fn machines(machines: &Machines) -> String {
    let speeds = machines.speeds();
    let words = count(speeds.len(), "machine");
    let first = speeds.first().copied().unwrap_or(1.0);
    if speeds.iter().all(|speed| *speed == first) {
        return if first == 1.0 { words } else { format!("{words} of speed {first}") };
    }
    // The shortest beginning that the rest repeats.
    let period =
        (1..=speeds.len()).find(|period| speeds.iter().enumerate().all(|(i, speed)| *speed == speeds[i % period]));
    let named: Vec<String> = speeds.iter().take(period.unwrap_or(speeds.len()).min(8)).map(f64::to_string).collect();
    format!("{words} (speeds {})", named.join(", "))
}

/// A number of things.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", whole(number as f64))
}

/// A span of time: `0.25 s`, `12.5 s`, `3 min 20 s`, `2 h 05 min`.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "0 s".to_owned(),
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 99.95 => format!("{s:.1} s"),
        s if s < 3600.0 - 0.5 => format!("{:.0} min {:02.0} s", (s.round() / 60.0).floor(), s.round() % 60.0),
        s if s < 48.0 * 3600.0 => {
            let minutes = (s / 60.0).round();
            format!("{:.0} h {:02.0} min", (minutes / 60.0).floor(), minutes % 60.0)
        }
        s => {
            let hours = (s / 3600.0).round();
            format!("{:.0} d {:02.0} h", (hours / 24.0).floor(), hours % 24.0)
        }
    }
}

/// Micro-dollars as dollars.
pub fn usd(micros: f64) -> String {
    match micros / 1e6 {
        0.0 => "$0".to_owned(),
        usd if usd < 1.0 => format!("${usd:.4}"),
        usd => format!("${usd:.2}"),
    }
}

/// A whole number in groups of three.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A name cut to a width, its beginning left out, for the end tells names apart.
pub fn cut(name: &str, width: usize) -> String {
    let letters = name.chars().count();
    match letters > width && width > 1 {
        true => format!("…{}", name.chars().skip(letters - width + 1).collect::<String>()),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let spans = [0.0, 2e-6, 0.25, 1.0, 99.9, 99.96, 119.7, 3599.9, 7500.0, 172_800.0];
        assert_eq!(
            spans.map(span),
            [
                "0 s",
                "2 µs",
                "250 ms",
                "1.0 s",
                "99.9 s",
                "1 min 40 s",
                "2 min 00 s",
                "1 h 00 min",
                "2 h 05 min",
                "2 d 00 h"
            ]
        );
        assert_eq!([0.0, 1234.0, 2_500_000.0].map(usd), ["$0", "$0.0012", "$2.50"]);
        assert_eq!([0.0, 999.0, 1000.0, 1_234_567.0].map(whole), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((cut("abcdef", 4), cut("abc", 4)), ("…def".to_owned(), "abc".to_owned()));
    }

    #[test]
    fn machines_are_named_by_their_speeds() {
        let words = |count, speeds: &[f64]| machines(&Machines::new(count, speeds).unwrap());
        assert_eq!(words(1, &[1.0]), "1 machine");
        assert_eq!(words(8, &[1.0, 1.0, 2.0, 4.0]), "8 machines (speeds 1, 1, 2, 4)");
        assert_eq!(words(3, &[2.0]), "3 machines of speed 2");
    }
}
