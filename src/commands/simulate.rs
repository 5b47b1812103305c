//! `symphony simulate`: what a melody or a recorded execution would take, before anything is played.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::simulate::outlook::Outlook;
use crate::simulate::scenario::{self, Scenario};
use crate::simulate::{self, gantt, json, table, words};
use crate::state::State;
use clap::Args;
use std::path::PathBuf;
use symphony_systems::simulate::{Chance, Policy};

/// Forecast time, cost and tokens on given machines, without playing
///
/// FILE is a melody, or the recorded execution of a workflow (WfFormat JSON). Under a virtual clock its calls are put
/// on machines as a policy says. How long a call of a melody takes comes from the node's `estimate`, else from earlier
/// runs of this project, else from the player's own profile. Players that are not installed are played too. Nothing is
/// called and nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony simulate review.melody.toml
  symphony simulate review.melody.toml --input depth=3 --noise 0.3 --failures 0.05 --runs 500
  symphony simulate montage.json --machines 8 --speeds 1,1,2,4 --policy heft --gantt montage.svg
  symphony simulate montage.json --machines 8 --what-if machines=16 --what-if policy=heft
  symphony simulate recordings --table")]
pub struct Simulate {
    /// The melody, the recorded execution, or with --table a folder of recordings
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many machines, each of which plays one call at a time [default: as many as there are speeds, else as the
    /// melody's `limits.parallel` allows, else as many as can be busy]
    #[arg(short, long, value_name = "NUMBER", value_parser = scenario::machines)]
    machines: Option<usize>,
    /// Their speeds; machine i has speed i modulo the length of the list [default: 1]
    #[arg(long, value_name = "LIST", value_parser = speeds)]
    speeds: Option<Speeds>,
    /// What starts next and where: fifo, fifo-fastest, critical-path or heft
    #[arg(short, long, default_value_t = Policy::Fifo)]
    policy: Policy,
    /// Probability that an attempt fails at its end, and is tried again
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = scenario::share)]
    failures: f64,
    /// Run times vary evenly by up to this share, up and down
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = scenario::share)]
    noise: f64,
    /// Seed of all chance
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Runs, each with its own luck [default: 200 where chance has a part, else 1]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    runs: Option<u32>,
    /// An input of the melody; NAME=@FILE takes a file's content (repeatable)
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Compare with a variant: machines, speeds, policy, failures, noise, seed, input.NAME, NODE.seconds, NODE.cost_usd,
    /// NODE.tokens, NODE.failure or NODE.with.SETTING; several in quotes make one variant (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    what_if: Vec<String>,
    /// Draw the run of the median makespan as a Gantt chart, .svg or .png
    #[arg(long, value_name = "OUT")]
    gantt: Option<PathBuf>,
    /// Print one JSON object a variant, that of the forecast itself last
    #[arg(long)]
    json: bool,
    /// Print makespan by lower bound over all recordings of a folder: 8 and 32 machines, identical and mixed, every
    /// policy
    #[arg(long, conflicts_with_all = ["json", "gantt", "what_if", "inputs", "machines", "speeds"])]
    table: bool,
}

/// A list of speeds as one argument.
#[derive(Clone, Debug)]
struct Speeds(Vec<f64>);

fn speeds(words: &str) -> Result<Speeds, String> {
    scenario::speeds(words).map(Speeds)
}

/// Runs where chance has a part and nobody says how many.
const RUNS: u32 = 200;

impl Simulate {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        if self.table {
            return super::print(table::of(&self.file)?.as_bytes());
        }
        if self.file.is_dir() {
            return Err(table::wanted(&self.file));
        }
        if let Some(path) = &self.gantt {
            gantt::check_name(path)?;
        }
        let base = self.scenario();
        let varied = self.what_if.iter().map(|words| Ok((words.clone(), base.varied(words).map_err(Failure::usage)?)));
        let varied: Vec<(String, Scenario)> = varied.collect::<Result<_, Failure>>()?;
        let subject = simulate::open(state, &self.file, self.inputs.clone())?;
        let outlook = subject.outlook(&base)?;
        let variants = varied.into_iter().map(|(name, scenario)| Ok((name, subject.outlook(&scenario)?)));
        let variants: Vec<(String, Outlook)> = variants.collect::<Result<_, Failure>>()?;
        if let Some(path) = &self.gantt {
            gantt::draw(&outlook, path)?;
        }
        let mut text = String::new();
        if self.json {
            variants.iter().for_each(|(name, variant)| text += &json::line(variant, Some(name)));
            text += &json::line(&outlook, None);
        } else {
            text += &words::forecast(&outlook);
            if !variants.is_empty() {
                text += &words::comparison(&outlook, &variants);
            }
            if let Some(path) = &self.gantt {
                text += &format!("\n  drawn: {}\n", path.display());
            }
        }
        super::print(text.as_bytes())?;
        Ok(outlook.exit())
    }

    fn scenario(&self) -> Scenario {
        Scenario {
            machines: self.machines,
            speeds: self.speeds.as_ref().map(|speeds| speeds.0.clone()).unwrap_or_default(),
            policy: self.policy,
            chance: Chance { failures: self.failures, noise: self.noise, seed: self.seed },
            runs: self.runs.unwrap_or(RUNS),
            changes: Vec::new(),
        }
    }
}
