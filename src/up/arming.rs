//! Arming: which melodies have triggers, and whether these can work.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::opening::{self, Opened};
use crate::state::State;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use symphony_ecs_core::melody::{Diagnostic, Melody, parse};
use symphony_ecs_core::types::Schemas;
use symphony_systems::triggers::Armed;

/// Folders in which nobody keeps melodies.
const ELSEWHERE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Folders within folders that are looked at.
const DEEPEST: usize = 32;

/// The melodies that are armed, in the order of their names.
pub struct Melodies {
    /// What starts them.
    pub armed: Vec<Armed>,
    /// What they are, in the same order.
    pub opened: Vec<Opened>,
}

impl Melodies {
    /// Finds, checks and arms the melodies of these files and of all folders below these folders.
    ///
    /// # Errors
    /// What is wrong has been said. A file that is broken but was only found in a folder is said and left out.
    pub fn find(state: &State, places: &[PathBuf]) -> Result<Self, Failure> {
        let mut opened = Vec::new();
        for (path, named) in files(places)? {
            let armed = match glance(&path) {
                Ok(melody) => melody.on.any(),
                // Its findings are said below, by the checker.
                Err(()) => true,
            };
            if !armed && named {
                let message = format!("{}: nothing starts this melody but a person's hand", path.display());
                return Err(Failure::new(Exit::Melody, message)
                    .help("add `on = { schedule = …, event = …, api = true, after = … }` to it"));
            }
            if armed {
                match opening::open(state, &path) {
                    Ok(melody) => {
                        opening::say(&melody.checked.warnings);
                        opened.push(melody);
                    }
                    Err(findings) => {
                        opening::say(&findings);
                        if named {
                            return Err(Failure::said(Exit::Melody));
                        }
                        eprintln!("warning: {} is left out", path.display());
                    }
                }
            }
        }
        if opened.is_empty() {
            let message = "no melody with triggers was found";
            return Err(Failure::new(Exit::Melody, message)
                .help("name melodies or folders; a melody says in `on` what starts it: on = { api = true }"));
        }
        opened.sort_by(|a, b| name(a).cmp(name(b)));
        unambiguous(&opened)?;
        let findings: Vec<Diagnostic> = opened.iter().flat_map(|melody| unanswered(melody, &opened)).collect();
        opening::say(&findings);
        if findings.iter().any(Diagnostic::is_error) {
            return Err(Failure::said(Exit::Melody));
        }
        let armed = opened.iter().filter_map(armed).collect::<Vec<_>>();
        Ok(Self { armed, opened })
    }

    /// A melody's declared inputs, its schemas and its name.
    pub fn melody(&self, row: usize) -> Option<(&Melody, &Arc<Schemas>)> {
        let root = self.opened.get(row)?.checked.melodies.first()?;
        Some((&root.melody, &root.schemas))
    }
}

fn name(opened: &Opened) -> &str {
    opened.melody().map_or("", |melody| melody.name.value.as_str())
}

fn armed(opened: &Opened) -> Option<Armed> {
    let melody = opened.melody()?;
    let folder = super::folder_of(&opened.path).unwrap_or_default();
    Some(Armed { name: melody.name.value.clone(), folder, on: melody.on.clone() })
}

/// A melody as far as its text says it.
fn glance(path: &Path) -> Result<Melody, ()> {
    let text = fs::read_to_string(path).map_err(drop)?;
    parse(&path.to_string_lossy(), &text).map(|parsed| parsed.melody).map_err(drop)
}

/// The API and chains know melodies by name.
fn unambiguous(opened: &[Opened]) -> Result<(), Failure> {
    for pair in opened.windows(2) {
        if let [one, other] = pair
            && name(one) == name(other)
        {
            let message = format!("{} and {} are both called {}", one.path, other.path, name(one));
            return Err(Failure::new(Exit::Melody, message).help("give one of them another `name`"));
        }
    }
    Ok(())
}

/// Triggers that can never work: a melody that is not there, inputs that nobody gives.
fn unanswered(melody: &Opened, all: &[Opened]) -> Vec<Diagnostic> {
    let Some(melody) = melody.melody() else { return Vec::new() };
    let names: BTreeSet<&str> = all.iter().map(name).collect();
    let known = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut findings = Vec::new();
    for after in melody.on.after.iter().filter(|after| !names.contains(after.melody.value.as_str())) {
        let message = format!("`after` names a melody that is not armed: `{}`", after.melody.value);
        findings.push(
            Diagnostic::error("unknown-melody", message)
                .in_file(&melody.path, &melody.source)
                .at(after.melody.span.clone(), "not armed")
                .help(format!("armed are {known}; a melody that only a chain's first start needs says `api = true`")),
        );
    }
    // A schedule knows nothing but its moment, so what else is required can never come.
    let missing = melody.inputs.iter().filter(|input| input.required && input.name.value != "scheduled_at");
    if !melody.on.schedules.is_empty() {
        findings.extend(missing.map(|input| {
            let message = format!("a schedule does not give the required input `{}`", input.name.value);
            Diagnostic::error("missing-input", message)
                .in_file(&melody.path, &melody.source)
                .at(input.name.span.clone(), "required")
                .help("give it a default, or let the melody read it; a schedule gives `scheduled_at` only")
        }));
    }
    findings
}

/// The files of melodies, each with whether a person named it.
fn files(places: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>, Failure> {
    let mut files = Vec::new();
    for place in places {
        let unreadable = |error: std::io::Error| {
            Failure::new(Exit::Melody, format!("{}: {error}", place.display()))
                .help("give melodies, or folders with melodies below them")
        };
        if fs::metadata(place).map_err(unreadable)?.is_dir() {
            below(place, 0, &mut files).map_err(unreadable)?;
        } else {
            files.push((place.clone(), true));
        }
    }
    files.sort();
    // Named wins over found.
    files.reverse();
    files.dedup_by(|one, other| one.0 == other.0);
    files.reverse();
    Ok(files)
}

fn below(folder: &Path, depth: usize, files: &mut Vec<(PathBuf, bool)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // Links are not followed: they may lead in a circle.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') && !ELSEWHERE.contains(&name) {
            below(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && name.ends_with(".melody.toml") {
            files.push((entry.path(), false));
        }
    }
    Ok(())
}
