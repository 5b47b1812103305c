//! Opening a melody: it is read, checked with everything it names, and its findings are said.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::Disk;
use std::path::Path;
use symphony_ecs_core::melody::sources::Sources as _;
use symphony_ecs_core::melody::{Diagnostic, Melody, parse, render, summary};

/// A melody without errors, and what seems odd about it.
#[derive(Debug)]
pub struct Opened {
    /// The melody.
    pub melody: Melody,
    /// Findings that do not keep it from playing.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and checks a melody.
///
/// # Errors
/// Every finding, errors and warnings; at least one is an error.
pub fn open(path: &Path) -> Result<Opened, Vec<Diagnostic>> {
    let name = path.to_string_lossy();
    let (known, text) = Disk.read("", &name).map_err(|why| {
        vec![
            Diagnostic::error("unreadable", why)
                .help("give the path of a melody, such as examples/release-notes.melody.toml"),
        ]
    })?;
    let parsed = parse(&known, &text)?;
    Ok(Opened { melody: parsed.melody, warnings: parsed.warnings })
}

/// Opens a melody to do something with it: findings go to standard error, and errors end the command.
pub fn open_or_say(path: &Path) -> Result<Melody, Failure> {
    match open(path) {
        Ok(opened) => {
            say(&opened.warnings);
            Ok(opened.melody)
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
