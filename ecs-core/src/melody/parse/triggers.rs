//! `on`: what starts the melody.

use super::keys;
use super::reader::Reader;
use super::tree::{Entry, Table, Tree, TreeValue};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::Spanned;
use crate::melody::timetable::{BadTimetable, Timetable, zones};
use crate::melody::triggers::{After, Ended, EventPattern, Missed, Schedule, Triggers};
use globset::Glob;

impl<'t> Reader<'t> {
    /// The value of `on`.
    pub(super) fn triggers(&mut self, tree: Tree<'t>) -> Triggers {
        let span = tree.span.clone();
        let mut on = Triggers::default();
        let Some(table) = self.table("`on`", tree, "on = { manual = true }") else { return on };
        let mut meant = false;
        for Entry { key, value } in table.entries {
            meant |= !matches!(key.text.as_ref(), "manual" | "debounce" | "concurrency");
            match key.text.as_ref() {
                "manual" => on.manual = self.truth("`manual`", &value).unwrap_or_default(),
                "schedule" => on.schedules = self.one_or_many(value, Self::schedule),
                "event" => on.events = self.one_or_many(value, Self::event),
                "api" => on.api = self.truth("`api`", &value).unwrap_or_default(),
                "after" => on.after = self.one_or_many(value, Self::after),
                "debounce" => on.debounce = self.duration("`debounce`", &value).filter(|span| !span.is_zero()),
                "concurrency" => on.concurrency = self.word("`concurrency`", value),
                _ => {
                    self.unknown_key(&key, &keys::TRIGGERS);
                }
            }
        }
        if !on.manual && !on.any() && !meant {
            let finding =
                Diagnostic::warning("no-trigger", "nothing starts this melody").at(span, "no trigger that could");
            self.report(finding.help("write `manual = true`, or leave `on` out"));
        }
        on
    }

    /// One entry, or a list of them.
    fn one_or_many<T>(&mut self, tree: Tree<'t>, read: fn(&mut Self, Tree<'t>) -> Option<T>) -> Vec<T> {
        match tree.value {
            TreeValue::List(items) => items.into_iter().filter_map(|item| read(self, item)).collect(),
            _ => read(self, tree).into_iter().collect(),
        }
    }

    fn schedule(&mut self, tree: Tree<'t>) -> Option<Schedule> {
        let span = tree.span.clone();
        if let TreeValue::Text(cron) = &tree.value {
            let help = format!("write `schedule = {{ cron = \"{cron}\" }}`");
            self.wrong_type("`schedule`", &tree, "a table", help);
            return None;
        }
        let table = self.table("`schedule`", tree, "schedule = { cron = \"0 6 * * 1-5\" }")?;
        let (mut cron, mut zone, mut missed, mut has_cron) = (None, None, Some(Missed::default()), false);
        for Entry { key, value } in table.entries {
            match key.text.as_ref() {
                "cron" => {
                    has_cron = true;
                    cron = self.text("`cron`", value);
                }
                "tz" => zone = Some(self.text("`tz`", value)?),
                "missed" => missed = self.word("`missed`", value),
                _ => has_cron |= self.unknown_key(&key, &keys::SCHEDULE) == Some("cron"),
            }
        }
        if !has_cron {
            self.missing(
                "missing-key",
                "`schedule` does not say when",
                span,
                "`cron` is missing",
                "write `cron = \"0 6 * * 1-5\"`: minute, hour, day, month, day of the week",
            );
        }
        let table = self.timetable(&cron?, zone.as_ref())?;
        Some(Schedule { table, missed: missed? })
    }

    fn timetable(&mut self, cron: &Spanned<String>, zone: Option<&Spanned<String>>) -> Option<Timetable> {
        let zone_name = zone.map_or("UTC", |zone| zone.value.as_str());
        let finding = match Timetable::parse(&cron.value, zone_name) {
            Ok(table) => return Some(table),
            Err(BadTimetable::Zone(name)) => {
                let span = zone.map_or(cron.span.clone(), |zone| zone.span.clone());
                let known = zones();
                let label = keys::nearest(&name, known.iter().map(String::as_str))
                    .map_or("not known".to_owned(), |meant| format!("did you mean `{meant}`?"));
                Diagnostic::error("unknown-zone", format!("there is no time zone `{name}`"))
                    .at(span, label)
                    .help("write a name of the IANA database, such as \"UTC\" or \"Europe/Berlin\"")
            }
            Err(error) => Diagnostic::error("bad-cron", format!("`{}` is not a time table", cron.value))
                .at(cron.span.clone(), error.to_string())
                .help("write minute, hour, day, month and day of the week, such as \"0 6 * * 1-5\""),
        };
        self.report(finding);
        None
    }

    fn event(&mut self, tree: Tree<'t>) -> Option<EventPattern> {
        let span = tree.span.clone();
        let table: Table<'t> = self.table("`event`", tree, "event = { file = \"src/**\" }")?;
        let empty = table.entries.is_empty();
        let mut event = EventPattern::default();
        for Entry { key, value } in table.entries {
            let place = match key.text.as_ref() {
                "file" => {
                    event.file = self.glob(value, true);
                    continue;
                }
                "artifact" => &mut event.artifact,
                "topic" => &mut event.topic,
                _ => {
                    self.unknown_key(&key, &keys::EVENT);
                    continue;
                }
            };
            *place = self.glob(value, false);
        }
        if empty {
            self.missing(
                "missing-key",
                "`event` does not say of what",
                span,
                "empty",
                "write `event = { file = \"src/**\" }`, `{ artifact = \"…\" }` or `{ topic = \"…\" }`",
            );
            return None;
        }
        Some(event)
    }

    /// A pattern of names, or a finding.
    fn glob(&mut self, tree: Tree<'t>, file: bool) -> Option<String> {
        let text = self.text("what an event is about", tree)?;
        if file && (text.value.starts_with('/') || text.value.split('/').any(|part| part == "..")) {
            let finding = Diagnostic::error("bad-glob", "files of events lie below the melody's folder")
                .at(text.span, "leads out of it")
                .help("write a path relative to the melody, such as \"inbox/*.csv\", or move the melody");
            self.report(finding);
            return None;
        }
        if let Err(error) = Glob::new(&text.value) {
            let finding = Diagnostic::error("bad-glob", format!("`{}` is not a pattern", text.value))
                .at(text.span, error.kind().to_string())
                .help("write a glob: `*` is any part of a name, `**` any folders, `{a,b}` either");
            self.report(finding);
            return None;
        }
        Some(text.value)
    }

    fn after(&mut self, tree: Tree<'t>) -> Option<After> {
        if let TreeValue::Text(_) = tree.value {
            let melody = self.text("`after`", tree)?;
            return Some(After { melody, ended: Ended::default() });
        }
        let span = tree.span.clone();
        let TreeValue::Table(table) = tree.value else {
            let help = "write `after = \"other-melody\"`";
            self.wrong_type("`after`", &tree, "the name of a melody, or a list of them", help);
            return None;
        };
        let (mut melody, mut ended, mut has_melody) = (None, Some(Ended::default()), false);
        for Entry { key, value } in table.entries {
            match key.text.as_ref() {
                "melody" => {
                    has_melody = true;
                    melody = self.text("`melody`", value);
                }
                "ended" => ended = self.word("`ended`", value),
                _ => has_melody |= self.unknown_key(&key, &keys::AFTER) == Some("melody"),
            }
        }
        if !has_melody {
            let cure = "write `after = { melody = \"other-melody\", ended = \"failed\" }`";
            self.missing("missing-key", "`after` does not name a melody", span, "`melody` is missing", cure);
        }
        Some(After { melody: melody?, ended: ended? })
    }
}
