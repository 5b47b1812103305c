//! `symphony pit pool`: which players are warm and why, in a run that plays or from what was learned.

mod words;

use crate::commands::print;
use crate::control::{self, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pools;
use crate::state::State;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};
use symphony_ecs_core::ids::RunId;
use symphony_pit::pool::{Asked, History, Upcoming};

/// Show which players are warm and why, warm one, or forget what was learned
///
/// Asks the run that plays; when none does, it tells what was learned from earlier runs (`.symphony/pit/pool.json`).
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony pit pool                        # which players are warm, or were learned
  symphony pit pool list --run last --json
  symphony pit pool why operator:git       # the terms of its forecast, what it saves and costs
  symphony pit pool warm operator:git --seats 2
  symphony pit pool forget operator:git    # its history; or a melody's, by name
  symphony pit pool forget --all

Exit status: 0; 2 for a player or run that is not known, or to warm one while nothing plays; 4 for a history that
cannot be read.")]
pub struct Pool {
    #[command(subcommand)]
    what: Option<What>,
    /// The run to ask: its id, an unmistakable part of it, or `last` [default: the newest that plays]
    #[arg(long, global = true)]
    run: Option<String>,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List pools: seats by state, the chance of a request, what a warm one saves and costs (the default)
    List,
    /// Tell why a player is warm, or is not
    Why {
        /// The player, as `list` names it
        player: String,
    },
    /// Warm a player in the run that plays
    Warm {
        /// The player, as `list` names it
        player: String,
        /// Processes that shall be idle or on their way
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
        seats: u32,
    },
    /// Forget what was learned of a player or a melody, or everything
    Forget {
        /// The player or the melody
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// Everything, even if it cannot be read
        #[arg(long)]
        all: bool,
    },
}

impl Pool {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        match self.what.as_ref().unwrap_or(&What::List) {
            What::List => match self.ask(state, &Command::Pools)? {
                Some((run, pools)) => self.show(&json!({ "run": run, "pools": pools }), words::list),
                None => self.show(&learned(&pools::read(state)?), words::learned),
            },
            What::Why { player } => match self.ask(state, &Command::Pools)? {
                Some((run, pools)) => {
                    let found = pools.as_array().into_iter().flatten().find(|pool| pool["player"] == **player);
                    let pool = found.ok_or_else(|| unknown(player))?;
                    self.show(&json!({ "run": run, "pool": pool }), words::why)
                }
                None => {
                    let told = followed(&pools::read(state)?, player).ok_or_else(|| unknown(player))?;
                    self.show(&told, words::followed)
                }
            },
            What::Warm { player, seats } => {
                let command = Command::Warm { player: player.clone(), seats: *seats };
                let (run, told) = self.ask(state, &command)?.ok_or_else(|| {
                    Failure::usage("no run plays here, so there is nothing to warm")
                        .help("players live as long as their run; start one with `symphony play` or `symphony up`")
                })?;
                self.show(&json!({ "run": run, "player": player, "started": told }), words::warmed)
            }
            What::Forget { name, all: _ } => {
                let known = match name {
                    None => pools::clear(state)?,
                    Some(name) => pools::change(state, |history| history.forget(Some(name)))?,
                };
                if let (Some(name), false) = (name, known) {
                    return Err(unknown(name));
                }
                self.show(
                    &json!({ "forgotten": name.as_deref().unwrap_or("everything"), "known": known }),
                    words::forgotten,
                )
            }
        }
    }

    fn show(&self, told: &Json, words: fn(&Json) -> String) -> Result<Exit, Failure> {
        match self.json {
            true => print(format!("{told}\n").as_bytes()),
            false => print(words(told).as_bytes()),
        }
    }

    /// Asks the run that is meant; `None` when nobody plays it.
    fn ask(&self, state: &State, command: &Command) -> Result<Option<(RunId, Json)>, Failure> {
        let runs = match &self.run {
            Some(word) => vec![state.find_run(word)?],
            None => state.run_ids()?.into_iter().rev().collect(),
        };
        for run in runs {
            let socket = state.control_socket(&run);
            let answer = control::send(&socket, command).map_err(|error| Failure::state_io(&socket, &error))?;
            match answer {
                None => {}
                Some(answer) if answer.ok => return Ok(Some((run, answer.status.unwrap_or_default()))),
                Some(answer) => {
                    let message = answer.message.unwrap_or_default();
                    return Err(Failure::usage(format!("{run}: {message}"))
                        .help("`symphony pit pool` lists the players of a run"));
                }
            }
        }
        Ok(None)
    }
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!("nothing is known of {name}")).help("`symphony pit pool` lists the players that are known")
}

/// Everything learned, by player.
fn learned(history: &History) -> Json {
    let players: Vec<Json> = history
        .players()
        .map(|(number, name)| {
            let facts = history.facts(number);
            json!({ "player": name, "facts": facts })
        })
        .collect();
    json!({
        "run": null, "runs_learned": history.runs(), "contexts": history.contexts(),
        "melodies": history.melodies().collect::<Vec<_>>(), "players": players,
    })
}

/// Where a player is expected: after which player of which melody, and how probably within a minute.
fn followed(history: &History, player: &str) -> Option<Json> {
    const WITHIN: f64 = 60.0;
    let number = history.find(player)?;
    let lasts: Vec<_> = [None].into_iter().chain(history.players().map(|(number, _)| Some(number))).collect();
    let mut places: Vec<(f64, Json)> = Vec::new();
    for melody in history.melodies() {
        for last in &lasts {
            let here = Asked { melody, before: None, last: *last, hour: 0 };
            let none: [Upcoming; 0] = [];
            let forecasts = history.forecast(here, &none, |_| WITHIN);
            let Some(one) = forecasts.into_iter().find(|one| one.player == number) else { continue };
            // Only places where this melody has been, not what others make probable everywhere.
            let seen = one.terms.iter().any(|term| term.whence == symphony_pit::pool::Whence::Last);
            if seen && one.probability >= 0.01 {
                let after = last.map(|last| history.name(last));
                let place = json!({
                    "melody": melody, "after": after, "within_seconds": WITHIN,
                    "probability": one.probability, "terms": one.terms,
                });
                places.push((one.probability, place));
            }
        }
    }
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    let places: Vec<Json> = places.into_iter().map(|(_, place)| place).take(20).collect();
    Some(json!({ "run": null, "player": player, "facts": history.facts(number), "expected": places }))
}
