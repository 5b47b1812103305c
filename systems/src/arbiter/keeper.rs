//! The keeper: a thread that appends decisions to `decisions.jsonl` in the folders of their runs.
//!
//! The first line names the format; every further line is one decision. The last may be torn by a crash and is left out
//! then. Decisions are for people: a run whose disk is full plays on without them.

use crossbeam_channel::{Sender, TrySendError, bounded};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use symphony_pit::arbitration::Told;

/// The file's name within the folder of a run.
pub const FILE: &str = "decisions.jsonl";

const HEAD: &str = "{\"symphony\":\"decisions\",\"format\":1}";

/// Bytes after which a run's decisions are only counted.
const MOST_BYTES: u64 = 16 << 20;

/// Decisions that may wait for the disk.
const WAITING: usize = 4_096;

/// A decision as it is kept: when, on the run's clock, and at which node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// The node's path.
    pub node: String,
    /// Seconds of the run.
    pub t_s: f64,
    /// The decision.
    #[serde(flatten)]
    pub told: Told,
}

/// The thread's handle. Dropping it waits for what is still to be written.
#[derive(Debug)]
pub(crate) struct Keeper {
    lines: Option<Sender<(PathBuf, DecisionLine)>>,
    thread: Option<JoinHandle<()>>,
    /// Decisions that found the disk too slow.
    pub lost: u64,
}

impl Keeper {
    pub fn start() -> Option<Self> {
        let (lines, waiting) = bounded::<(PathBuf, DecisionLine)>(WAITING);
        let write = move || {
            let mut open: Option<(PathBuf, Option<File>)> = None;
            for (path, line) in waiting {
                if open.as_ref().is_none_or(|(known, _)| *known != path) {
                    open = Some((path.clone(), begin(&path)));
                }
                let Some((_, Some(file))) = &mut open else { continue };
                let full = file.metadata().is_ok_and(|data| data.len() > MOST_BYTES);
                let written = serde_json::to_string(&line)
                    .map_err(std::io::Error::from)
                    .and_then(|text| if full { Ok(()) } else { file.write_all(format!("{text}\n").as_bytes()) });
                if let Err(error) = written {
                    eprintln!("warning: {}: {error}; further decisions are not kept", path.display());
                    open = Some((path, None));
                }
            }
        };
        let thread = std::thread::Builder::new().name("decisions".to_owned()).spawn(write).ok()?;
        Some(Self { lines: Some(lines), thread: Some(thread), lost: 0 })
    }

    pub fn keep(&mut self, path: &Path, line: DecisionLine) {
        let Some(lines) = &self.lines else { return };
        match lines.try_send((path.to_owned(), line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => self.lost += 1,
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Opens a run's file to append, ending a line that was torn.
fn begin(path: &Path) -> Option<File> {
    let opened = OpenOptions::new().create(true).append(true).open(path).and_then(|mut file| {
        let empty = file.metadata()?.len() == 0;
        file.write_all(if empty { HEAD.as_bytes() } else { b"" })?;
        // After a kill the last line may be torn; an empty line more hurts nobody.
        file.write_all(b"\n")?;
        Ok(file)
    });
    opened.inspect_err(|error| eprintln!("warning: {}: {error}; decisions are not kept", path.display())).ok()
}

/// What is kept of a run's decisions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// In order.
    pub lines: Vec<DecisionLine>,
    /// What was not as it should be.
    pub warnings: Vec<String>,
}

/// Reads the decisions in a run's folder; none if nobody had to wait.
pub fn read(folder: &Path) -> Decisions {
    let path = folder.join(FILE);
    let mut decisions = Decisions::default();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return decisions,
        Err(error) => {
            decisions.warnings.push(format!("{}: {error}", path.display()));
            return decisions;
        }
    };
    let mut torn = 0u32;
    for (text, number) in BufReader::new(file).lines().zip(0u32..) {
        let Ok(text) = text else {
            torn += 1;
            break;
        };
        if number == 0 {
            if text != HEAD {
                decisions
                    .warnings
                    .push(format!("{}: this format is not known here; use a newer symphony", path.display()));
                return decisions;
            }
        } else if !text.is_empty() {
            match serde_json::from_str(&text) {
                Ok(line) => decisions.lines.push(line),
                Err(_) => torn += 1,
            }
        }
    }
    if torn > 0 {
        decisions.warnings.push(format!("{}: {torn} lines cannot be read and are left out", path.display()));
    }
    decisions
}
