//! Bundled players: what every machine has without installing anything. Each plays in a process of its own, started
//! as `symphony __player NAME`.
//!
//! ```text
//!   operator:   shell/run   http/request   file/{read,write,glob,list}   csv/{read,write}   python/call
//!               git/{log,diff,show}
//!   instrument: scripted-model/chat   openai-chat/chat
//! ```
//!
//! A manifest (`manifests/NAME.toml`) says what each takes and gives; the code here plays it.

mod ask;
mod content;
mod file;
mod git;
mod process;
mod shell;

#[cfg(test)]
mod trial;

use crate::sdk::Player;

/// The bundled player of a name such as `git`, if there is one.
pub fn player(name: &str) -> Option<Box<dyn Player>> {
    match name {
        "file" => Some(Box::new(file::Files)),
        "git" => Some(Box::new(git::Git)),
        "shell" => Some(Box::new(shell::Shell)),
        _ => None,
    }
}
