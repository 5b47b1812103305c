//! Seating a run: the orchestra with its ports, its journal and its socket, around the loop that plays it.

use crate::birth::Birth;
use crate::control::{self, Control};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::opening::Opened;
use crate::pit::dag;
use crate::players;
use crate::playing::{self, Ending, Word};
use crate::pools;
use crate::rehearsal;
use crate::rewriting;
use crate::scarcity::{self, Memory};
use crate::state::State;
use crate::view::{Plan, Style, View};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::ids::{RunId, RunSlot};
use symphony_ecs_core::ports::{ArtifactPort, ExtensionPort, JournalError};
use symphony_ecs_core::score::{Score, compile};
use symphony_ecs_core::value::Value;
use symphony_extensions::builtin;
use symphony_extensions::host::Registry;
use symphony_pit::artifacts::{RealDisk, Store};
use symphony_systems::journal::{Opened as OpenedJournal, Writer};
use symphony_systems::orchestra::OrchestraParts;
use symphony_systems::pools::PoolSettings;
use symphony_systems::restore::{Restored, restore};
use symphony_systems::results::{self, Purpose, Results};
use symphony_systems::{Orchestra, Reusing, RunOptions};

/// Words that may wait for the loop.
const WAITING: usize = 64;

/// How a run begins.
pub enum Beginning {
    /// It is born: a journal without frames is being made.
    Born(JoinHandle<Result<Writer, JournalError>>),
    /// It is born: a journal without frames is there.
    Made(Writer),
    /// It was begun before.
    Resumed(Box<OpenedJournal>),
    /// It is only rehearsed: nothing is kept, and nobody reaches it from outside.
    Rehearsed,
}

/// Everything around a run.
pub struct Seating<'a> {
    /// The state folder.
    pub state: &'a State,
    /// Its id.
    pub run: &'a RunId,
    /// What it began with.
    pub birth: &'a Birth,
    /// The checked melody and who plays it.
    pub opened: &'a Opened,
    /// Where artifacts are kept.
    pub artifacts: Arc<dyn ArtifactPort>,
    /// How it is shown.
    pub style: Style,
}

/// Compiles a checked melody.
pub fn score_of(opened: &Opened, settings: &BTreeMap<String, Value>) -> Result<Arc<Score>, Failure> {
    let settings = Value::map(settings.iter().map(|(name, value)| (name.clone(), value.clone())));
    // The checker promises that it compiles; a broken promise is our mistake, said as such.
    compile(&opened.checked, &|operation| builtin::player(operation), &settings)
        .map_err(|error| Failure::new(Exit::Melody, format!("{error} (a mistake of this program; please report it)")))
}

/// Ids of the melody's nodes and what plays them, in score order.
pub fn nodes_of(opened: &Opened, score: &Score) -> Vec<(String, String)> {
    let Some(root) = opened.checked.melodies.first() else { return Vec::new() };
    let named: BTreeMap<&str, String> = root
        .melody
        .nodes
        .iter()
        .zip(&root.nodes)
        .map(|(node, checked)| {
            let player = checked.players.first().map(|operation| operation.name.clone()).unwrap_or_default();
            (node.id.value.as_str(), player)
        })
        .collect();
    score.ids.iter().map(|id| (id.to_string(), named.get(&**id).cloned().unwrap_or_default())).collect()
}

/// What the orchestra is told of a run.
pub fn options(run: &RunId, birth: &Birth, opened: &Opened, score: Arc<Score>) -> RunOptions {
    let given = |name: &str, default: &Option<Value>| birth.inputs.get(name).cloned().or_else(|| default.clone());
    let inputs = score.inputs.iter().map(|input| given(&input.name, &input.default).unwrap_or_default()).collect();
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    RunOptions {
        id: run.clone(),
        inputs,
        limits: opened.melody().map(|melody| melody.limits.clone()).unwrap_or_default(),
        default_parallel: u32::try_from(cores * 4).unwrap_or(64).max(8),
        clock: birth.clock,
        seed: birth.seed,
        record: true,
        notices: true,
        score,
        reusing: None,
        asked: Vec::new(),
        sketches: false,
        tracking: None,
        rescore: Some(rewriting::rescore(opened, &birth.path, &birth.readings, &birth.settings)),
    }
}

/// The Artifact Store of a state folder.
pub fn artifacts(state: &State) -> Result<Arc<Store>, Failure> {
    Store::open(&state.artifacts(), Arc::new(RealDisk)).map(Arc::new).map_err(Failure::state)
}

/// A journal's refusal, for people.
pub fn journal_failure(error: &JournalError) -> Failure {
    let failure = Failure::state(error);
    match error {
        JournalError::Locked { .. } => {
            failure.help("`symphony show` looks at a run while it plays; approve and cancel reach it there")
        }
        JournalError::Damaged { .. } => {
            failure.help("`symphony show` prints what is intact; play the melody anew, or restore the file from a copy")
        }
        JournalError::Newer { .. } => failure,
        JournalError::Io { .. } => failure
            .help("see that the disk has room and can be written, or choose another with --state DIR; what was committed is safe"),
    }
}

impl Seating<'_> {
    /// Plays the run until it is over or interrupted, shows it, and says how it ended.
    pub fn play(self, beginning: Beginning) -> Result<Exit, Failure> {
        let (words_in, words) = bounded(WAITING);
        interrupt::listen(words_in.clone(), Word::Stop)
            .map_err(|error| Failure::state(format!("signals cannot be heard: {error}")))?;
        let score = score_of(self.opened, &self.birth.settings)?;
        let mut options = options(self.run, self.birth, self.opened, Arc::clone(&score));
        options.asked = self.birth.wanted.asked(&score)?;
        if !matches!(beginning, Beginning::Rehearsed) {
            options.reusing = Some(Arc::new(self.reusing(&score)?));
            options.tracking = Some(Arc::new(dag::known(self.state)));
        }
        let kept = !matches!(beginning, Beginning::Rehearsed);
        let real = self.birth.clock == ClockKind::Real;
        let pools = if real { pools::settings(self.state, self.opened) } else { None };
        let mut orchestra = orchestra(&self.opened.registry, &self.artifacts, self.birth.clock, pools)?;
        let memory = if kept { Memory::Learned } else { Memory::Blank };
        let arbiter = scarcity::open(self.state, memory)?;
        if let Some(arbiter) = &arbiter {
            orchestra.arbitrate_by(arbiter);
        }
        let slot = seat(&mut orchestra, &options, beginning)?;
        if kept {
            orchestra.keep_decisions(slot, &self.state.run(self.run));
        }
        // The socket lies in the run's folder, which is there once its journal is.
        let control = if kept { Some(self.listen(words_in)?) } else { None };
        let plan = Plan { melody: self.birth.name.clone(), nodes: nodes_of(self.opened, &score) };
        let view = View::start(self.style, plan).map_err(|error| Failure::state(format!("no thread: {error}")))?;
        let exit = conclude(&mut orchestra, slot, &words, view, kept);
        drop(control);
        if let Some(lesson) = orchestra.learned(slot) {
            dag::learn(self.state, &lesson);
        }
        // Closing the journal commits what waits and lets go of the run; players end with their host.
        drop(orchestra.leave(slot));
        if let Some(arbiter) = arbiter.filter(|_| kept) {
            scarcity::keep(self.state, &arbiter);
        }
        pools::keep(self.state, orchestra.pools_learned());
        exit
    }

    /// The results of earlier runs that this one may take over.
    fn reusing(&self, score: &Arc<Score>) -> Result<Reusing, Failure> {
        let wanted = &self.birth.wanted;
        let parts = if wanted.fresh { BTreeSet::new() } else { results::parts_of(score) };
        let (known, warning) = Results::open(self.state.root(), &parts, &*self.artifacts, Purpose::Play);
        if let Some(warning) = warning {
            eprintln!("warning: {warning}");
        }
        Ok(Reusing { results: Arc::new(known), rules: wanted.rules(score)?, seed: wanted.seed })
    }

    fn listen(&self, words: Sender<Word>) -> Result<Control, Failure> {
        let socket = self.state.control_socket(self.run);
        Control::listen(&socket, words, Word::Asked).map_err(|error| Failure::state_io(&socket, &error))
    }
}

/// An orchestra without runs, for melodies with these players, under this clock.
pub fn orchestra(
    registry: &Arc<Registry>,
    artifacts: &Arc<dyn ArtifactPort>,
    clock: ClockKind,
    pools: Option<PoolSettings>,
) -> Result<Orchestra, Failure> {
    let stage: Option<Box<dyn ExtensionPort>> = match clock {
        ClockKind::Real => Some(Box::new(players::host(Arc::clone(registry), Arc::clone(artifacts))?)),
        ClockKind::Virtual => None,
    };
    Ok(Orchestra::new(OrchestraParts {
        stage,
        rehearsal: Arc::new(rehearsal::Scripted),
        functions: Some(Arc::new(players::BuiltIns)),
        artifacts: Some(Arc::clone(artifacts)),
        pools,
        ..OrchestraParts::default()
    }))
}

/// Gives a run its place in an orchestra.
pub fn seat(orchestra: &mut Orchestra, options: &RunOptions, beginning: Beginning) -> Result<RunSlot, Failure> {
    match beginning {
        Beginning::Born(journal) => {
            let journal = journal.join().map_err(|_| Failure::state("the journal could not be made (a panic)"))?;
            let journal = journal.map_err(|error| journal_failure(&error))?;
            Ok(orchestra.play(options, Some(Box::new(journal))))
        }
        Beginning::Made(journal) => Ok(orchestra.play(options, Some(Box::new(journal)))),
        Beginning::Rehearsed => Ok(orchestra.play(options, None)),
        Beginning::Resumed(opened) => {
            let OpenedJournal { mut journal, checkpoint, frames, commands, warnings, .. } = *opened;
            for warning in warnings {
                eprintln!("warning: {warning}");
            }
            // What others left is obeyed in the next frame, and marked as taken together with it.
            if let Some(last) = commands.last() {
                journal.taken(last.id).map_err(|error| journal_failure(&error))?;
            }
            let from = Restored { checkpoint, frames: &frames, path: "the journal", play_on: true };
            let slot =
                restore(orchestra, options, &from, Some(Box::new(journal))).map_err(|error| journal_failure(&error))?;
            for command in commands {
                match serde_json::from_str(&command.json) {
                    Ok(control::Command::Reroute { change, by }) => {
                        let answer = playing::rewire(orchestra, slot, &change, by.as_deref());
                        if !answer.ok {
                            eprintln!(
                                "warning: an edit that was left is refused: {}",
                                answer.message.unwrap_or_default()
                            );
                        }
                    }
                    Ok(known) => {
                        if let Some(command) = playing::command_of(&known) {
                            orchestra.command(slot, command);
                        }
                    }
                    Err(error) => eprintln!("warning: a command that was left is not understood: {error}"),
                }
            }
            Ok(slot)
        }
    }
}

fn conclude(
    orchestra: &mut Orchestra,
    slot: RunSlot,
    words: &Receiver<Word>,
    view: View,
    kept: bool,
) -> Result<Exit, Failure> {
    let ending = playing::play(orchestra, slot, words, &view);
    let interrupted = !matches!(ending, Ending::Over);
    let exit = orchestra.run(slot).map_or(Exit::Interrupted, |run| {
        let exit = if interrupted { Exit::Interrupted } else { playing::exit_of(run.status) };
        let mut closing = playing::closing(run, interrupted);
        closing.summary.resumable &= kept;
        view.end(closing);
        exit
    });
    match ending {
        Ending::Broken(error) => Err(journal_failure(&error)),
        Ending::Over | Ending::Interrupted => Ok(exit),
    }
}
