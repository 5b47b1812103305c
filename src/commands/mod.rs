//! The command line: one file per subcommand, each with its arguments, its help and what it does.

mod approve;
mod cancel;
mod check;
mod completions;
mod diff;
mod doctor;
mod export;
mod fork;
mod graph;
mod import;
mod moment;
mod new;
mod play;
mod reach;
mod recover;
mod replay;
mod resume;
mod runs;
mod show;
mod simulate;
mod test;
mod trigger;
mod up;
mod why;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use clap::{Parser, Subcommand};
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Plays melodies: workflows of players that are programs, scripts and AI models.
///
/// A melody is a text file, NAME.melody.toml. `symphony play` plays it, shows what happens, and keeps a journal, so
/// that a run that was killed goes on where it was with `symphony resume`.
#[derive(Debug, Parser)]
#[command(
    name = "symphony",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = EXAMPLES,
    after_long_help = format!("{EXAMPLES}\n\n{}", Exit::TABLE),
)]
pub struct CommandLine {
    /// Folder of runs, artifacts and the project's own players [default: .symphony at the root of the repository]
    #[arg(long, global = true, env = "SYMPHONY_STATE", value_name = "DIR", hide_env_values = true)]
    state: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  symphony new hello hello.melody.toml     write a first melody
  symphony check hello.melody.toml         find mistakes before playing
  symphony play hello.melody.toml          play it and watch
  symphony resume last                     go on after a kill or a Ctrl-C
  symphony show last                       what every node did, and the outputs";

#[derive(Debug, Subcommand)]
enum Command {
    Play(play::Play),
    Check(check::Check),
    Runs(runs::Runs),
    Show(show::Show),
    Resume(resume::Resume),
    Replay(replay::Replay),
    Fork(fork::Fork),
    Diff(diff::Diff),
    Test(test::Test),
    Cancel(cancel::Cancel),
    Up(up::Up),
    Trigger(trigger::Trigger),
    Approve(approve::Approve),
    Why(why::Why),
    Recover(recover::Recover),
    Pit(crate::pit::Pit),
    Simulate(simulate::Simulate),
    Graph(graph::Graph),
    Import(import::Import),
    Export(export::Export),
    New(new::New),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
}

impl CommandLine {
    /// Does what the line says.
    pub fn run(self) -> Result<Exit, Failure> {
        let state = || State::locate(self.state.as_deref());
        match self.command {
            Command::Play(command) => command.run(&state()?),
            Command::Runs(command) => command.run(&state()?),
            Command::Show(command) => command.run(&state()?),
            Command::Resume(command) => command.run(&state()?),
            Command::Replay(command) => command.run(&state()?),
            Command::Fork(command) => command.run(&state()?),
            Command::Diff(command) => command.run(&state()?),
            Command::Test(command) => command.run(&state()?),
            Command::Check(command) => command.run(&state()?),
            Command::Cancel(command) => command.run(&state()?),
            Command::Approve(command) => command.run(&state()?),
            Command::Why(command) => command.run(&state()?),
            Command::Recover(command) => command.run(&state()?),
            Command::Pit(command) => command.run(&state()?),
            Command::Simulate(command) => command.run(&state()?),
            Command::Up(command) => command.run(&state()?),
            Command::Trigger(command) => command.run(&state()?),
            Command::Graph(command) => command.run(&state()?),
            Command::Import(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::New(command) => command.run(),
            Command::Doctor(command) => command.run(&state()?),
            Command::Completions(command) => command.run(),
        }
    }
}

/// Writes a command's result to standard output. A reader that has gone (`| head`) is no failure.
pub fn print(text: &[u8]) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::state(format!("standard output: {error}")))
        }
        _ => Ok(Exit::Completed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        for command in CommandLine::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let lines: Vec<&str> = help.lines().filter(|line| line.trim_start().starts_with("symphony ")).collect();
            assert!(!lines.is_empty(), "`symphony {name} --help` shows no example");
            for line in lines {
                let words = line.split("  #").next().unwrap_or(line).split(" > ").next().unwrap_or(line);
                let words = words.split_whitespace().map(|word| word.trim_matches('\''));
                CommandLine::try_parse_from(words).unwrap_or_else(|error| panic!("{line}\n{error}"));
            }
        }
    }
}
