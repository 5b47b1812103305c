//! `symphony play`: plays a melody and shows how it goes.

use crate::birth::{self, Birth};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::inputs;
use crate::opening::{self, Opened};
use crate::preferences;
use crate::rerun::Wanted;
use crate::scarcity;
use crate::seating::{self, Beginning, Seating};
use crate::state::State;
use crate::view::Style;
use crate::watch;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::melody::lock::Lock;
use symphony_systems::journal::Journal;

/// Play a melody and watch it
///
/// Shows a live tree in a terminal and plain lines elsewhere. Every transition is journaled before anything acts on it:
/// after a kill or a Ctrl-C, `symphony resume` goes on where the run was. A node whose player, settings and inputs are
/// those of a call that finished before takes over its result; `symphony why NODE` says why it does or does not.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony play review.melody.toml
  symphony play review.melody.toml --input diff=@change.diff --input depth=3
  symphony play review.melody.toml --json > events.jsonl
  symphony play review.melody.toml --fresh                # reuse nothing of earlier runs
  symphony play review.melody.toml --from draft           # draft and what follows, anew
  symphony play review.melody.toml --until lint           # lint and what it needs, nothing else
  symphony play review.melody.toml --rehearse --seed 7    # nothing is started: models of players, virtual time")]
pub struct Play {
    /// The melody
    melody: PathBuf,
    /// An input; NAME=@FILE takes a file's content (repeatable)
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Inputs as one JSON object; --input wins over it
    #[arg(long = "inputs", value_name = "FILE")]
    input_file: Option<PathBuf>,
    /// A preference that the melody reads as settings.NAME, over those of settings.toml (repeatable)
    #[arg(long = "setting", value_name = "NAME=VALUE")]
    settings: Vec<String>,
    /// Seed of everything random [default: drawn, and journaled]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Follow the melody to the letter (this version knows no other mode)
    #[arg(long)]
    manual: bool,
    /// Play again whenever the melody or a file it reads changes
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Rehearse: virtual time and models of players; nothing is started, nothing outside is touched, nothing is kept
    #[arg(long)]
    rehearse: bool,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    show: Showing,
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, Args)]
pub struct Showing {
    /// Print one JSON object a line, the summary last
    #[arg(long)]
    json: bool,
    /// Print lines of words, even in a terminal
    #[arg(long, conflicts_with = "json")]
    plain: bool,
    /// Print the summary only
    #[arg(short, long, conflicts_with_all = ["json", "plain"])]
    quiet: bool,
}

impl Showing {
    /// The style, as asked for and as standard output allows.
    pub fn style(self) -> Style {
        match self {
            Self { json: true, .. } => Style::Json,
            Self { quiet: true, .. } => Style::Quiet,
            Self { plain: true, .. } => Style::Plain,
            _ if console::Term::stdout().is_term() => Style::Tree,
            _ => Style::Plain,
        }
    }
}

impl Play {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        if !self.watch {
            let opened = opening::or_say(opening::open(state, &self.melody))?;
            return self.play(state, &opened);
        }
        watch::forever(&self.melody, || {
            let opened = match opening::open(state, &self.melody) {
                Ok(opened) => opened,
                Err(findings) => {
                    opening::say(&findings);
                    return Ok((Exit::Melody, Vec::new()));
                }
            };
            let files = opened.readings.iter().map(|reading| PathBuf::from(&reading.known)).collect();
            Ok((self.play(state, &opened)?, files))
        })
    }

    fn play(&self, state: &State, opened: &Opened) -> Result<Exit, Failure> {
        let Some(root) = opened.checked.melodies.first() else { return Ok(Exit::Melody) };
        state.make()?;
        let artifacts = seating::artifacts(state)?;
        let inputs =
            inputs::read(&root.melody.inputs, &root.schemas, &self.inputs, self.input_file.as_deref(), &*artifacts)?;
        let settings = preferences::read(&self.settings)?;
        if !(self.wanted.from.is_empty() && self.wanted.until.is_empty()) {
            // A node that is not there is said before a run is born.
            let score = seating::score_of(opened, &settings)?;
            self.wanted.rules(&score)?;
            self.wanted.asked(&score)?;
        }
        // So is a mistake in what is declared scarce.
        scarcity::rules(state)?;
        let (run, drawn) = birth::draw()?;
        let here = std::env::current_dir().unwrap_or_default();
        let players = Lock::of(&opened.checked).players;
        let birth = Birth {
            symphony: env!("CARGO_PKG_VERSION").to_owned(),
            born_ms: birth::now_ms(),
            name: root.melody.name.value.clone(),
            path: opened.path.clone(),
            folder: here.to_string_lossy().into_owned(),
            readings: opened.readings.clone(),
            inputs,
            settings,
            clock: if self.rehearse { ClockKind::Virtual } else { ClockKind::Real },
            seed: self.seed.unwrap_or(drawn),
            versions: players.iter().map(|(name, entry)| (name.clone(), entry.version.to_string())).collect(),
            players: players.into_iter().map(|(operation, entry)| (operation, entry.digest)).collect(),
            wanted: Wanted { seed: self.seed, ..self.wanted.clone() },
            origin: None,
        };
        let seating = Seating {
            state,
            run: &run,
            birth: &birth,
            opened,
            artifacts: Arc::clone(&artifacts) as _,
            style: self.show.style(),
        };
        if self.rehearse {
            return seating.play(Beginning::Rehearsed);
        }
        let folder = state.run(&run);
        let meta = birth.to_meta()?;
        // It waits for the disk; meanwhile the melody is compiled.
        let journal = std::thread::Builder::new()
            .name("birth".to_owned())
            .spawn(move || Journal::create(&folder, &meta))
            .map_err(|error| Failure::state(format!("no thread: {error}")))?;
        seating.play(Beginning::Born(journal))
    }
}
