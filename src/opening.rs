//! Opening a melody: it is read, checked with everything it names, and its findings are said.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{Disk, Kept, Reading, Recorder};
use crate::players::{self, Listing};
use crate::state::State;
use std::path::Path;
use std::sync::Arc;
use symphony_ecs_core::melody::check::{Checked, check};
use symphony_ecs_core::melody::lock::Lock;
use symphony_ecs_core::melody::sources::Sources;
use symphony_ecs_core::melody::{Diagnostic, Melody, parse, render, summary};
use symphony_extensions::host::Registry;
use symphony_extensions::manifest::ManifestError;

/// A melody without errors.
pub struct Opened {
    /// The melody and every body it reaches, with the players found for them.
    pub checked: Checked,
    /// The path by which it is known.
    pub path: String,
    /// Everything that was read.
    pub readings: Vec<Reading>,
    /// Who plays it.
    pub registry: Arc<Registry>,
}

impl Opened {
    /// The melody itself.
    pub fn melody(&self) -> Option<&Melody> {
        self.checked.melodies.first().map(|checked| &*checked.melody)
    }
}

/// Reads and checks a melody, with the players that its lock file binds if it has one.
///
/// # Errors
/// Every finding, errors and warnings; at least one is an error.
pub fn open(state: &State, path: &Path) -> Result<Opened, Vec<Diagnostic>> {
    open_with(state, path, players::read_lock(path)?.as_ref(), Listing::Kept)
}

/// As [`open`], with a given lock or none.
pub fn open_with(state: &State, path: &Path, lock: Option<&Lock>, listing: Listing) -> Result<Opened, Vec<Diagnostic>> {
    let sources = Recorder::default();
    let name = path.to_string_lossy();
    let (known, text) = sources.read("", &name).map_err(|why| {
        let help = "give the path of a melody, such as examples/release-notes.melody.toml";
        vec![Diagnostic::error("unreadable", why).help(help)]
    })?;
    let registry = found(players::registry(state, path, lock, listing))?;
    let checked = check(&sources, &known, &text, &*registry)?;
    Ok(Opened { checked, path: known, readings: sources.into_readings(), registry })
}

/// Checks a melody from the texts that a run began with.
///
/// # Errors
/// As of [`open`]: a player may have gone in the meantime.
pub fn reopen(state: &State, path: &str, readings: &[Reading]) -> Result<Opened, Vec<Diagnostic>> {
    let root = readings.first().map(|reading| reading.text.as_str()).unwrap_or_default();
    let registry = found(players::registry(state, Path::new(path), None, Listing::Kept))?;
    let checked = check(&Kept(readings), path, root, &*registry)?;
    Ok(Opened { checked, path: path.to_owned(), readings: readings.to_vec(), registry })
}

fn found(registry: Result<Registry, ManifestError>) -> Result<Arc<Registry>, Vec<Diagnostic>> {
    let bad = |error: ManifestError| vec![Diagnostic::error("bad-manifest", error.to_string()).help(error.help)];
    registry.map(Arc::new).map_err(bad)
}

/// Prints what was found, and ends the command if there are errors.
pub fn or_say(opened: Result<Opened, Vec<Diagnostic>>) -> Result<Opened, Failure> {
    match opened {
        Ok(opened) => {
            say(&opened.checked.warnings);
            Ok(opened)
        }
        Err(findings) => {
            say(&findings);
            Err(Failure::said(Exit::Melody))
        }
    }
}

/// Prints findings for people on standard error.
pub fn say(findings: &[Diagnostic]) {
    if !findings.is_empty() {
        let color = console::colors_enabled_stderr();
        eprintln!("{}{}", render(findings, color), summary(findings));
    }
}

/// Reads the body that a checked melody names, for pictures. What cannot be read is left out.
pub fn body(from: &str, path: &str) -> Option<Melody> {
    let (known, text) = Disk.read(from, path).ok()?;
    parse(&known, &text).ok().map(|parsed| parsed.melody)
}
