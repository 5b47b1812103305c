//! Telling: what `symphony up` prints, as lines of words or of JSON.

use super::Melodies;
use crate::birth;
use serde_json::{Value as Json, json};
use std::io::{self, Write as _};
use symphony_ecs_core::events::notice::Summary;
use symphony_ecs_core::ids::RunId;
use symphony_ecs_core::melody::timetable::rfc3339;
use symphony_ecs_core::melody::triggers::Triggers as On;
use symphony_systems::triggers::{Cause, MelodyRow, Triggers, Verdict};

/// Prints what happens.
#[derive(Clone, Copy, Debug)]
pub struct Telling {
    json: bool,
}

impl Telling {
    /// For people, or for programs.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// What is armed, and when it fires next.
    pub fn armed(&self, melodies: &Melodies, triggers: &Triggers) {
        for (row, armed) in (0 as MelodyRow..).zip(&melodies.armed) {
            let next = triggers.next_moment(row);
            let by = ways(&armed.on);
            let words = match &next {
                Some((_, local)) => format!("armed     {}: {}; next {local}", armed.name, by.join(", ")),
                None => format!("armed     {}: {}", armed.name, by.join(", ")),
            };
            let next = next.map(|(ms, _)| rfc3339(ms));
            self.line(&words, json!({ "event": "armed", "melody": armed.name, "by": by, "next": next }));
        }
    }

    /// Where the API is.
    pub fn listening(&self, port: u16) {
        let words = format!("listens   http://127.0.0.1:{port} (the token is in the state folder, up.token)");
        self.line(&words, json!({ "event": "listening", "port": port }));
    }

    /// What became of an event.
    pub fn verdict(&self, melody: &str, verdict: &Verdict, cause: Option<&Cause>) {
        let run = verdict.run();
        let why = cause.map(because).unwrap_or_default();
        let (event, words) = match verdict {
            Verdict::Starts(_) => ("starts", format!("starts    {melody} as {run}{why}")),
            Verdict::Waits(_) => ("waits", format!("waits     {melody} as {run}{why}")),
            Verdict::Settles(_) => ("settles", format!("settles   {melody} as {run}{why}")),
            Verdict::Known(_) => ("known", format!("known     {melody}: the key has started {run}")),
            Verdict::Skipped(_) => ("skipped", format!("skipped   {melody}: {run} plays")),
        };
        let cause = serde_json::to_value(cause).unwrap_or_default();
        self.line(&words, json!({ "event": event, "melody": melody, "run": run, "cause": cause }));
    }

    /// A start made room for another.
    pub fn dropped(&self, melody: &str, run: &RunId) {
        let words = format!("dropped   {melody} {run}: it had not begun");
        self.line(&words, json!({ "event": "dropped", "melody": melody, "run": run }));
    }

    /// A run is over.
    pub fn ended(&self, melody: &str, summary: &Summary) {
        let reason = summary.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let words = format!("{:<10}{melody} {}{reason}", summary.status.as_str(), summary.run);
        let status = summary.status;
        self.line(
            &words,
            json!({
                "event": "ended", "melody": melody, "run": summary.run, "status": status.as_str(), "reason": summary.reason,
            }),
        );
    }

    /// A run could not begin or go on.
    pub fn lost(&self, melody: &str, run: &RunId, why: &str) {
        let words = format!("lost      {melody} {run}: {why}");
        self.line(&words, json!({ "event": "lost", "melody": melody, "run": run, "error": why }));
    }

    /// It is over.
    pub fn stopped(&self, open: bool) {
        let words = if open { "stopped; the next `symphony up` goes on with what is not over" } else { "stopped" };
        self.line(words, json!({ "event": "stopped", "resumable": open }));
    }

    /// A reader that has gone does not stop the work.
    fn line(&self, words: &str, object: Json) {
        let mut out = io::stdout().lock();
        let _ = match self.json {
            true => writeln!(out, "{object}"),
            false => writeln!(out, "{} {words}", time()),
        };
        let _ = out.flush();
    }
}

/// What starts a melody, in words.
fn ways(on: &On) -> Vec<String> {
    let mut ways = Vec::new();
    ways.extend(on.schedules.iter().map(|schedule| format!("{} {}", schedule.table.cron(), schedule.table.zone())));
    for event in &on.events {
        ways.extend(event.file.as_ref().map(|pattern| format!("file {pattern}")));
        ways.extend(event.artifact.as_ref().map(|pattern| format!("artifact {pattern}")));
        ways.extend(event.topic.as_ref().map(|pattern| format!("topic {pattern}")));
    }
    ways.extend(on.after.iter().map(|after| format!("after {}", after.melody.value)));
    ways.extend(on.api.then(|| "api".to_owned()));
    ways
}

fn because(cause: &Cause) -> String {
    match cause {
        Cause::Schedule(moment) => format!(" (scheduled {moment})"),
        Cause::File(path) => format!(" (file {path})"),
        Cause::Artifact(name) => format!(" (artifact {name})"),
        Cause::Topic(topic) => format!(" (topic {topic})"),
        Cause::Asked => " (asked)".to_owned(),
        Cause::After(melody) => format!(" (after {melody})"),
    }
}

/// Now, for a log: seconds are enough.
fn time() -> String {
    let now = i64::try_from(birth::now_ms()).unwrap_or(i64::MAX);
    rfc3339(now - now.rem_euclid(1000))
}
