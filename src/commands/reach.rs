//! How a command reaches a run: over the socket of the process that plays it, else by a note in its journal.

use crate::control::{self, Answer, Command};
use crate::failure::Failure;
use crate::state::State;
use symphony_ecs_core::ids::RunId;
use symphony_systems::journal;

/// What became of a command.
#[derive(Debug, PartialEq)]
pub enum Reached {
    /// The process that plays the run answered.
    Answered(Answer),
    /// Nobody plays the run; the command is kept and `resume` takes it first.
    Kept,
}

/// Brings a command to a run.
pub fn reach(state: &State, run: &RunId, command: &Command) -> Result<Reached, Failure> {
    let socket = state.control_socket(run);
    let failed = |error: std::io::Error| Failure::state_io(&socket, &error);
    if let Some(answer) = control::send(&socket, command).map_err(failed)? {
        return Ok(Reached::Answered(answer));
    }
    let folder = state.run(run);
    if let Some(pid) = journal::owner(&folder) {
        // It is starting, ending, or stuck.
        return Err(Failure::state(format!("process {pid} plays run {run} but does not listen"))
            .help("try again in a moment; if it stays so, stop that process and resume the run"));
    }
    let json = serde_json::to_string(command).map_err(Failure::state)?;
    journal::append_command(&folder, &json).map_err(Failure::state)?;
    Ok(Reached::Kept)
}
