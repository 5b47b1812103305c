//! Pools in words: the same as the JSON, for people.

use serde_json::Value as Json;
use std::fmt::Write as _;

fn text<'a>(json: &'a Json, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_default()
}

fn number(json: &Json, name: &str) -> f64 {
    json[name].as_f64().unwrap_or_default()
}

fn each(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

/// Micro-dollars as dollars.
fn dollars(micros: f64) -> String {
    format!("${:.6}", micros / 1e6)
}

fn mib(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / (1u64 << 20) as f64)
}

/// Where a probability comes from.
fn whence(word: &str) -> &str {
    match word {
        "last_two" => "after the last two players of this melody",
        "last" => "after the last player of this melody",
        "any_melody" => "after the last player, in any melody",
        "hour" => "at this time of day",
        "score" => "rows of the score that will be due",
        other => other,
    }
}

fn seats(pool: &Json) -> String {
    let named = each(&pool["metrics"]["seats"]).filter(|pair| pair[0] != "unloaded");
    let words: Vec<String> =
        named.map(|pair| format!("{} {}", pair[1], pair[0].as_str().unwrap_or_default())).collect();
    if words.is_empty() { "cold".to_owned() } else { words.join(", ") }
}

/// Pools of a run that plays.
pub fn list(told: &Json) -> String {
    let mut out = format!("run {}\n", text(told, "run"));
    for pool in each(&told["pools"]) {
        let metrics = &pool["metrics"];
        let _ = writeln!(
            out,
            "  {:<28} {:<22} asked within {:.0} s: {:>3.0} %  saves {}, costs {}  calls {}, cold {}",
            text(pool, "player"),
            seats(pool),
            number(pool, "horizon_seconds"),
            100.0 * number(pool, "probability"),
            dollars(number(pool, "saving_micros")),
            dollars(number(pool, "cost_micros")),
            metrics["uses"],
            metrics["cold"],
        );
    }
    if each(&told["pools"]).next().is_none() {
        out += "  it has no pools: its melody calls nobody out of the process, or they are not kept\n";
    }
    out
}

fn terms(out: &mut String, terms: &Json) {
    for term in each(terms) {
        let percent = 100.0 * number(term, "probability");
        let _ = writeln!(out, "    {percent:>3.0} %  {} (seen {})", whence(text(term, "whence")), term["seen"]);
    }
}

/// Why a player of a run that plays is warm, or is not.
pub fn why(told: &Json) -> String {
    let pool = &told["pool"];
    let (saving, cost) = (number(pool, "saving_micros"), number(pool, "cost_micros"));
    let mut out = format!("{} in run {}: {}\n", text(pool, "player"), text(told, "run"), seats(pool));
    let _ = writeln!(
        out,
        "  asked within {:.0} s with {:.0} %, after {:.1} s idle; it takes {:.2} s to load and {}",
        number(pool, "horizon_seconds"),
        100.0 * number(pool, "probability"),
        number(pool, "idle_seconds"),
        number(pool, "load_seconds"),
        mib(number(pool, "memory")),
    );
    terms(&mut out, &pool["terms"]);
    let worth = if saving > cost { "worth being warm" } else { "not worth being warm" };
    let _ = writeln!(out, "  a warm one saves {} and costs {}: {worth}", dollars(saving), dollars(cost));
    let health = &pool["health"];
    let _ = writeln!(
        out,
        "  {:.0} % of its last outcomes failed, {} in a row{}",
        100.0 * number(health, "failure_rate"),
        health["in_a_row"],
        if health["until"].is_null() { "" } else { "; it is in quarantine" },
    );
    let metrics = &pool["metrics"];
    let _ = writeln!(
        out,
        "  {} calls, {} of them cold; {} loads, {} of them ahead ({} asked since)",
        metrics["uses"], metrics["cold"], metrics["loads"], metrics["ahead"], metrics["ahead_used"]
    );
    for (name, what) in [("failures", "failed while"), ("time_outs", "ran out of time while")] {
        for pair in each(&metrics[name]) {
            let _ = writeln!(out, "  {what} {}: {}", pair[0].as_str().unwrap_or_default(), pair[1]);
        }
    }
    out
}

fn facts(facts: &Json) -> String {
    format!(
        "{} calls of {:.2} s, {} failures; {} loads of {:.2} s, {}; {}",
        facts["calls"],
        number(facts, "call_seconds"),
        facts["failures"],
        facts["loads"],
        number(facts, "load_seconds"),
        mib(number(facts, "memory")),
        dollars(number(facts, "cost_micros")),
    )
}

/// What was learned.
pub fn learned(told: &Json) -> String {
    let melodies = each(&told["melodies"]).count();
    let mut out = format!("no run plays; learned from {} runs of {melodies} melodies\n", told["runs_learned"]);
    for player in each(&told["players"]) {
        let _ = writeln!(out, "  {:<28} {}", text(player, "player"), facts(&player["facts"]));
    }
    out
}

/// Where a player is expected.
pub fn followed(told: &Json) -> String {
    let mut out = format!("{}: {}\n", text(told, "player"), facts(&told["facts"]));
    for place in each(&told["expected"]) {
        let after = place["after"].as_str().map_or("when it begins".to_owned(), |after| format!("after {after}"));
        let percent = 100.0 * number(place, "probability");
        let within = number(place, "within_seconds");
        let _ = writeln!(out, "  {percent:>3.0} % within {within:.0} s in {} {after}", text(place, "melody"));
    }
    out
}

/// What was warmed.
pub fn warmed(told: &Json) -> String {
    let (run, player) = (text(told, "run"), text(told, "player"));
    match told["started"].as_u64().unwrap_or_default() {
        0 => format!("{run}: {player} is warm already, or there is no room for more\n"),
        1 => format!("{run}: {player}: one process is on its way\n"),
        count => format!("{run}: {player}: {count} processes are on their way\n"),
    }
}

/// What was forgotten.
pub fn forgotten(told: &Json) -> String {
    match told["known"] == true {
        true => format!("forgotten: {}\n", text(told, "forgotten")),
        false => "there was nothing to forget\n".to_owned(),
    }
}
