//! Starts a player's process: program, environment from zero, pipes, its own process group.

use super::{Stage, launch, python};
use crate::bus::{BUS_CODEC, BUS_FD};
use crate::manifest::{Manifest, Sdk};
use crate::mcp;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The hidden subcommand that plays a bundled player.
const PLAYER: &str = "__player";
/// Variables that every player gets when the host has them.
const PASSED: [&str; 4] = ["PATH", "LANG", "HOME", "TMPDIR"];

/// Starts the process. Must be called from the thread that lives as long as the process: the kernel ends a player
/// when the thread that started it ends.
pub(super) fn spawn(
    stage: &Stage,
    manifest: &Manifest,
    bus: OwnedFd,
    mem: Option<u64>,
    cpu: Option<u64>,
) -> io::Result<Child> {
    let runtime = &manifest.runtime;
    // Safe Rust takes the bus from descriptor 0; everything else finds it at 3, with an empty standard input.
    let at = if manifest.folder.is_none() || runtime.sdk == Some(Sdk::Rust) { 0 } else { launch::BUS };
    let mut command = launched(&stage.helper, at, mem, cpu);
    match (&runtime.server, &manifest.folder) {
        (Some(server), _) => {
            let folder = server.folder.clone().unwrap_or_default();
            command.arg(&stage.helper).args([mcp::SUBCOMMAND, mcp::SERVE]).arg(&server.listing).arg(folder).arg("--");
            for word in &runtime.command {
                command.arg(expanded(word)?);
            }
        }
        (None, None) => {
            command.arg(&stage.helper).args([PLAYER, &manifest.id]);
        }
        (None, Some(folder)) => {
            command.args(runtime.command.iter().map(|word| beside(folder, word)));
        }
    }
    for name in &runtime.pass_env {
        pass(&mut command, name);
    }
    if runtime.sdk == Some(Sdk::Python) {
        command.env("PYTHONPATH", python::lay_down(&stage.cache_dir)?);
    }
    for (name, value) in &runtime.env {
        command.env(name, if runtime.server.is_some() { expanded(value)? } else { value.clone() });
    }
    command.env(BUS_FD, at.to_string()).env(BUS_CODEC, runtime.codec.as_str());
    command.current_dir(&stage.working_dir).process_group(0);
    command.stdin(bus).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn()
}

/// A command that sets limits and becomes the program named after it, with an environment from zero.
pub(crate) fn launched(helper: &Path, bus: i32, mem: Option<u64>, cpu: Option<u64>) -> Command {
    let mut command = Command::new(helper);
    command.arg(launch::SUBCOMMAND);
    command.args(["--parent", &std::process::id().to_string(), "--bus", &bus.to_string()]);
    for (option, limit) in [("--mem", mem), ("--cpu", cpu)] {
        if let Some(limit) = limit {
            command.args([option, &limit.to_string()]);
        }
    }
    command.arg("--").env_clear();
    for name in PASSED {
        pass(&mut command, name);
    }
    command
}

fn pass(command: &mut Command, name: &str) {
    if let Some(value) = std::env::var_os(name) {
        command.env(name, value);
    }
}

/// A text of a server's declaration with its variables put in.
fn expanded(text: &str) -> io::Result<String> {
    mcp::expand(text, &|name| std::env::var(name).ok())
        .map_err(|name| io::Error::other(format!("the environment variable {name} is not set")))
}

/// A word of the command: the file beside the manifest, if there is one of that name.
fn beside(folder: &Path, word: &str) -> OsString {
    let path = folder.join(word);
    let plain = !word.is_empty() && !word.starts_with(['-', '/']);
    if plain && path.is_file() {
        // The process's current folder is another one.
        return std::path::absolute(&path).unwrap_or(path).into_os_string();
    }
    word.into()
}
