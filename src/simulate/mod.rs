//! Forecasts: what a melody or a recorded execution would take, on which machines and under which policy.
//!
//! ```text
//! WfFormat ── recorded ───────────────┐
//! melody ─┬─ standins, guesses, pins ─┤
//!         └─ history of earlier runs  ├─ outlook ─┬─ words, json
//! scenario (machines, policy, chance) ┘           └─ gantt
//! ```
//!
//! Nothing is called and nothing is written, but for the picture that is asked for. The scheduling itself is
//! `symphony_systems::simulate`.

pub mod gantt;
mod guesses;
pub mod json;
mod melody;
pub mod outlook;
mod pins;
mod recorded;
mod samples;
pub mod scenario;
mod standins;
pub mod table;
pub mod words;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::state::State;
use melody::Tune;
use outlook::Subject;
use recorded::Recording;
use std::path::Path;

/// The largest recording that is read.
const LARGEST: u64 = 1 << 30;

/// Reads what is to be simulated: a melody, or a recorded execution if it is JSON.
///
/// # Errors
/// A file that cannot be read, or inputs for a recording, which has none.
pub fn open(state: &State, path: &Path, inputs: Vec<String>) -> Result<Subject, Failure> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return Tune::read(state, path, inputs).map(|tune| Subject::Melody(Box::new(tune)));
    }
    if !inputs.is_empty() {
        return Err(Failure::usage("a recorded execution has no inputs").help("leave --input out"));
    }
    let unreadable = |why: String| {
        Failure::new(Exit::Melody, format!("{}: {why}", path.display()))
            .help("give the path of a melody or of a recorded execution (WfFormat)")
    };
    let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > LARGEST {
        return Err(unreadable(format!("it is {} MiB large; at most {} MiB are read", size >> 20, LARGEST >> 20)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    Recording::read(path, &text).map(Subject::Recorded)
}
