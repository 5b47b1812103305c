//! `operator:file/{read,write,glob,list}`: files below the melody's working folder.

mod confine;
mod find;
mod read;
mod write;

use super::ask::refused;
use crate::sdk::{Call, Failure, Outcome, Player, Reporter};
pub(super) use confine::resolve;
pub(super) use read::source;
pub(super) use write::{put, written};

/// The player.
pub(super) struct Files;

impl Player for Files {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        match call.operation.as_str() {
            "read" => read::read(call, report),
            "write" => write::write(call, report),
            "glob" => find::glob(call, report),
            "list" => find::list(call),
            other => Err(refused(format!("file has no operation `{other}`; it has read, write, glob, list"))),
        }
    }
}
