//! The files of a check: the root, every body it reaches (each read and checked once), and the players asked for.

use super::findings::{Findings, bounded};
use super::players::Player;
use super::{Checked, CheckedMelody, MAX_DEPTH};
use crate::melody::diagnostics::Diagnostic;
use crate::melody::model::{Melody, PlayerRef, Spanned};
use crate::melody::sources::Sources;
use crate::ports::{Catalog, CatalogError};
use std::collections::HashMap;
use std::rc::Rc;

/// How far a file is.
#[derive(Clone, Copy)]
enum State {
    /// Being checked: a file that names it now closes a circle.
    Open,
    /// Checked: its index, and how many levels of bodies lie below it.
    Done { index: usize, height: usize },
    /// It could not be read or parsed, which is reported there.
    Broken,
}

/// The state of a check over all files.
pub(super) struct Files<'a> {
    sources: &'a dyn Sources,
    catalog: &'a dyn Catalog,
    melodies: Vec<Option<CheckedMelody>>,
    states: HashMap<String, State>,
    /// What a path means in a file: the name it is known by, and its text until it is checked.
    read: HashMap<(String, String), Result<String, String>>,
    texts: HashMap<String, String>,
    /// Files being checked, the root first, with the height known of each so far.
    open: Vec<(String, usize)>,
    players: HashMap<PlayerRef, Result<Rc<Player>, CatalogError>>,
    /// Findings of each file, by the order in which files were reached.
    findings: Vec<Vec<Diagnostic>>,
}

impl<'a> Files<'a> {
    pub(super) fn new(sources: &'a dyn Sources, catalog: &'a dyn Catalog) -> Self {
        Self {
            sources,
            catalog,
            melodies: Vec::new(),
            states: HashMap::new(),
            read: HashMap::new(),
            texts: HashMap::new(),
            open: Vec::new(),
            players: HashMap::new(),
            findings: Vec::new(),
        }
    }

    /// Checks the root and everything it reaches.
    pub(super) fn check(mut self, root: Melody, warnings: Vec<Diagnostic>) -> Result<Checked, Vec<Diagnostic>> {
        self.melody(root, warnings);
        let findings: Vec<Diagnostic> = self.findings.into_iter().flatten().collect();
        if findings.iter().any(Diagnostic::is_error) {
            // Errors come first where not all can be shown.
            let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(Diagnostic::is_error);
            return Err(bounded(errors.into_iter().chain(warnings).collect()));
        }
        let melodies = self.melodies.into_iter().flatten().collect();
        Ok(Checked { melodies, warnings: bounded(findings) })
    }

    /// Checks one file. Returns its index.
    fn melody(&mut self, melody: Melody, mut warnings: Vec<Diagnostic>) -> usize {
        let index = self.melodies.len();
        let path = melody.path.clone();
        self.melodies.push(None);
        self.findings.push(Vec::new());
        self.states.insert(path.clone(), State::Open);
        self.open.push((path.clone(), 0));
        let mut findings = Findings::new(&path, &melody.source);
        let checked = super::melody::check(self, melody, &mut findings);
        let height = self.open.pop().map_or(0, |(_, height)| height);
        if let Some((_, above)) = self.open.last_mut() {
            *above = (*above).max(height + 1);
        }
        self.states.insert(path, State::Done { index, height });
        if let Some(slot) = self.melodies.get_mut(index) {
            *slot = Some(checked);
        }
        warnings.extend(findings.into_sorted());
        if let Some(slot) = self.findings.get_mut(index) {
            *slot = warnings;
        }
        index
    }

    /// A melody that was checked before.
    pub(super) fn checked(&self, index: usize) -> Option<&CheckedMelody> {
        self.melodies.get(index).and_then(Option::as_ref)
    }

    /// A file that another one names, relative to it: the name it is known by.
    pub(super) fn text(&mut self, from: &str, path: &str) -> Result<(String, String), String> {
        self.sources.read(from, path)
    }

    /// The body or nested melody that a file names. `None` when it cannot be had, which is reported.
    pub(super) fn body(&mut self, from: &str, path: &Spanned<String>, findings: &mut Findings) -> Option<usize> {
        let key = (from.to_owned(), path.value.clone());
        if !self.read.contains_key(&key) {
            let read = self.sources.read(from, &path.value).map(|(known, text)| {
                self.texts.insert(known.clone(), text);
                known
            });
            self.read.insert(key.clone(), read);
        }
        let known = match self.read.get(&key)? {
            Ok(known) => known.clone(),
            Err(why) => {
                let finding = Diagnostic::error("unreadable-file", format!("`{}` cannot be read: {why}", path.value));
                let help = "paths are relative to the file that names them";
                findings.report(finding.at(path.span.clone(), "names this file").help(help));
                return None;
            }
        };
        let (index, height) = match self.states.get(&known).copied() {
            Some(State::Done { index, height }) => (Some(index), height),
            Some(State::Broken) => return None,
            Some(State::Open) => {
                let circle = self.open.iter().map(|(path, _)| path.as_str()).skip_while(|path| *path != known);
                let circle: Vec<&str> = circle.chain([known.as_str()]).collect();
                let message = format!("the melodies contain each other: {}", circle.join(" → "));
                let finding = Diagnostic::error("melody-cycle", message).at(path.span.clone(), "closes the circle");
                findings.report(finding.help("to repeat a melody, use `loop`; it is always bounded"));
                return None;
            }
            None => (None, 0),
        };
        if self.open.len() + height >= MAX_DEPTH {
            let message = format!("melodies nest deeper than {MAX_DEPTH} levels here");
            let finding = Diagnostic::error("too-deep", message).at(path.span.clone(), "one level too many");
            findings.report(finding.help("flatten the melodies in between"));
            return None;
        }
        if let Some(index) = index {
            if let Some((_, above)) = self.open.last_mut() {
                *above = (*above).max(height + 1);
            }
            return Some(index);
        }
        let text = self.texts.remove(&known).unwrap_or_default();
        match crate::melody::parse(&known, &text) {
            Ok(parsed) => Some(self.melody(parsed.melody, parsed.warnings)),
            Err(broken) => {
                self.states.insert(known, State::Broken);
                self.findings.push(broken);
                self.melodies.push(None);
                None
            }
        }
    }

    /// A player, asked for once.
    pub(super) fn player(&mut self, player: &PlayerRef) -> Result<Rc<Player>, CatalogError> {
        if let Some(known) = self.players.get(player) {
            return known.clone();
        }
        let found = self.catalog.operation(player).map(|operation| Rc::new(Player::new(operation)));
        self.players.insert(player.clone(), found.clone());
        found
    }
}
