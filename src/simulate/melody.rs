//! A melody as the subject of a forecast: opened with stand-ins, changed, compiled and unfolded.

use super::guesses::Guesses;
use super::pins::Pins;
use super::samples::{ITEMS, sample};
use super::scenario::Change;
use super::standins::{Forgetful, Standins};
use crate::birth::Birth;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{Disk, Kept};
use crate::inputs;
use crate::opening;
use crate::players::{self, BuiltIns, Listing};
use crate::preferences;
use crate::state::State;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::melody::check::{Checked, check, check_parsed};
use symphony_ecs_core::melody::model::{Limits, Setting};
use symphony_ecs_core::melody::{Diagnostic, Melody, Parsed, Spanned, parse};
use symphony_ecs_core::ports::Catalog;
use symphony_ecs_core::score::{Score, compile};
use symphony_ecs_core::value::Value;
use symphony_extensions::builtin;
use symphony_extensions::host::Registry;
use symphony_systems::journal::Reader;
use symphony_systems::record::FrameRecord;
use symphony_systems::simulate::{History, Unfold, Unfolded};

/// Calls that a melody may unfold to.
const MOST_CALLS: usize = 1_000_000;

/// Earlier runs that are looked at.
const LOOK_BACK: usize = 30;

/// A melody, not yet changed.
pub struct Tune {
    /// The path by which it is known, and its text.
    known: String,
    text: String,
    registry: Registry,
    history: Arc<History>,
    inputs: Vec<String>,
}

/// A melody, changed and ready to be unfolded.
pub struct Prepared {
    /// Its name.
    pub name: String,
    /// Its limits.
    pub limits: Limits,
    /// Models of its players.
    pub guesses: Arc<Guesses>,
    /// Players that are not installed.
    pub missing: BTreeSet<String>,
    /// Inputs that nobody gave and that had to be made up.
    pub made_up: Vec<String>,
    score: Arc<Score>,
    values: Vec<Value>,
}

impl Tune {
    /// Reads a melody and what earlier runs teach.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(state: &State, path: &Path, inputs: Vec<String>) -> Result<Self, Failure> {
        use symphony_ecs_core::melody::sources::Sources as _;
        let (known, text) = Disk.read("", &path.to_string_lossy()).map_err(|why| {
            Failure::new(Exit::Melody, why).help("give the path of a melody or of a recorded execution (WfFormat)")
        })?;
        let lock = players::read_lock(path).map_err(said)?;
        let registry = |lock| {
            let found = players::registry(state, path, lock, Listing::Asleep);
            found.map_err(|error| Failure::new(Exit::Player, error))
        };
        let history = Arc::new(history(state, &registry(None)?));
        Ok(Self { known, text, registry: registry(lock.as_ref())?, history, inputs })
    }

    /// The melody with these changes, checked and compiled.
    ///
    /// # Errors
    /// Findings, inputs that do not fit, changes that fit nothing.
    pub fn prepare(&self, changes: &[Change]) -> Result<Prepared, Failure> {
        let Parsed { mut melody, warnings, .. } = parse(&self.known, &self.text).map_err(said)?;
        for change in changes {
            if let Change::Setting { node, setting, value } = change {
                set(&mut melody, node, setting, value)?;
            }
        }
        let catalog = Standins::beside(&self.registry);
        let checked = check_parsed(&Disk, melody, warnings, &catalog).map_err(said)?;
        let score = compiled(&checked)?;
        let mut words = self.inputs.clone();
        for change in changes {
            if let Change::Input(word) = change {
                let name = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
                words.retain(|known| known.split_once('=').is_none_or(|(known, _)| known != name));
                words.push(word.clone());
            }
        }
        let (values, made_up) = values(&checked, &score, &words)?;
        self.known_nodes(&checked, changes)?;
        let (name, limits) = checked
            .melodies
            .first()
            .map(|root| (root.melody.name.value.clone(), root.melody.limits.clone()))
            .unwrap_or_default();
        let missing = catalog.into_missing();
        let pins = checked.melodies.iter().map(|melody| Pins::beside(Path::new(&melody.melody.path)));
        let pins = pins.collect::<Result<_, Failure>>()?;
        let guesses = Arc::new(Guesses::new(checked, Arc::clone(&self.history), pins, changes.to_vec()));
        Ok(Prepared { name, limits, guesses, missing, made_up, score, values })
    }

    /// Refuses changes of nodes that there are not.
    fn known_nodes(&self, checked: &Checked, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            let Change::Expected { node, .. } = change else { continue };
            let last = node.rsplit('.').next().unwrap_or(node);
            let known = checked.melodies.iter().any(|melody| {
                let mut nodes = melody.melody.nodes.iter().zip(&melody.nodes);
                nodes.any(|(it, how)| it.id.value == last || how.players.iter().any(|player| player.name == *node))
            });
            if !known {
                return Err(Failure::usage(format!("there is no node and no player `{node}`"))
                    .help("name a node (in a body: loop.node) or a player such as operator:git/log"));
            }
        }
        Ok(())
    }
}

impl Prepared {
    /// Unfolds the melody, with its luck.
    ///
    /// # Errors
    /// A melody that never ends.
    pub fn unfold(&self, seed: u64) -> Result<Unfolded, Failure> {
        let guesses = &self.guesses;
        let unfold = Unfold {
            score: &self.score,
            inputs: self.values.clone(),
            seed,
            rehearsal: Arc::clone(guesses) as _,
            functions: Some(Arc::new(BuiltIns)),
            expected: &|path| guesses.of_function(path),
            most: MOST_CALLS,
        };
        unfold.play().map_err(|error| {
            Failure::new(Exit::Melody, format!("{}: {error}", self.name))
                .help("lower `max` of its loops, or pin the list that its maps go over")
        })
    }
}

fn said(findings: Vec<Diagnostic>) -> Failure {
    opening::say(&findings);
    Failure::said(Exit::Melody)
}

fn compiled(checked: &Checked) -> Result<Arc<Score>, Failure> {
    let settings = Value::map(preferences::read(&[])?);
    compile(checked, &|operation| builtin::player(operation), &settings)
        .map_err(|error| Failure::new(Exit::Melody, format!("{error} (a mistake of this program; please report it)")))
}

/// Changes a setting of a node of the melody itself.
fn set(melody: &mut Melody, node: &str, setting: &str, value: &str) -> Result<(), Failure> {
    let names: Vec<&str> = melody.nodes.iter().map(|node| node.id.value.as_str()).collect();
    let help = format!("settings can be changed of: {}", names.join(", "));
    let found = melody.nodes.iter_mut().find(|known| known.id.value == node);
    let found = found.ok_or_else(|| Failure::usage(format!("the melody has no node `{node}`")).help(help))?;
    let json = serde_json::from_str(value).map(|json| Value::from_json(&json));
    let value = Setting::Value(json.unwrap_or_else(|_| Value::text(value)));
    match found.with.iter_mut().find(|(name, _)| name.value == setting) {
        Some((_, known)) => *known = value,
        None => {
            let span = found.id.span.clone();
            found.with.push((Spanned { value: setting.to_owned(), span }, value));
        }
    }
    Ok(())
}

/// Values of the inputs in the order of the score; required ones that nobody gave are made up.
fn values(checked: &Checked, score: &Score, words: &[String]) -> Result<(Vec<Value>, Vec<String>), Failure> {
    let Some(root) = checked.melodies.first() else { return Ok((Vec::new(), Vec::new())) };
    let mut declared = root.melody.inputs.clone();
    declared.iter_mut().for_each(|input| input.required = false);
    let given = inputs::read(&declared, &root.schemas, words, None, &Forgetful)?;
    let mut made_up = Vec::new();
    let mut value = |input: &symphony_ecs_core::score::InputSpec| {
        let known = given.get(&*input.name).cloned().or_else(|| input.default.clone());
        known.unwrap_or_else(|| match input.required {
            true => {
                made_up.push(input.name.to_string());
                sample(&input.ty, &root.schemas, ITEMS)
            }
            false => Value::Absent,
        })
    };
    let values = score.inputs.iter().map(&mut value).collect();
    Ok((values, made_up))
}

/// What the newest runs of the project teach. Runs that cannot be read, or whose melody cannot be compiled any more,
/// teach nothing.
fn history(state: &State, registry: &dyn Catalog) -> History {
    let mut history = History::default();
    let runs = state.run_ids().unwrap_or_default();
    for run in runs.iter().rev().take(LOOK_BACK) {
        let _ = learn(&mut history, &state.run(run), registry);
    }
    history
}

fn learn(history: &mut History, folder: &Path, registry: &dyn Catalog) -> Option<()> {
    let mut reader = Reader::open(folder).ok()?;
    let birth = Birth::from_meta(reader.meta(), folder).ok()?;
    if birth.clock != ClockKind::Real {
        return None;
    }
    let text = birth.readings.first()?.text.as_str();
    let checked = check(&Kept(&birth.readings), &birth.path, text, &Standins::beside(registry)).ok()?;
    let score = compiled(&checked).ok()?;
    let mut frames = Vec::new();
    reader.frames_after(None, |_, blob| frames.extend(FrameRecord::decode(blob, "a run"))).ok()?;
    history.learn(&score, frames);
    Some(())
}
