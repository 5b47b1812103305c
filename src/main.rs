//! `symphony`: the program. Wiring only: the command line, a run's surroundings, ports to adapters.

mod commands;
mod control;
mod exit;
mod failure;
mod files;
mod graph;
mod inputs;
mod interrupt;
mod opening;
mod state;
mod view;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
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
