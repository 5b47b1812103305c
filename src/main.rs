//! `symphony`: the program. Wiring only: the command line, a run's surroundings, ports to adapters.

mod birth;
mod commands;
mod control;
mod exit;
mod failure;
mod files;
mod hidden;
mod inputs;
mod interrupt;
mod opening;
mod past;
mod pit;
mod players;
mod playing;
mod pools;
mod preferences;
mod recover;
mod rehearsal;
mod rerun;
mod rewriting;
mod scarcity;
mod seating;
mod simulate;
mod state;
mod testing;
mod up;
mod view;
mod watch;
mod whole;
mod why;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = hidden::run(std::env::args_os()) {
        return code;
    }
    let line = commands::CommandLine::parse();
    match line.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                eprintln!("{text}");
            }
            failure.exit.into()
        }
    }
}
