//! Starts a player's process: program, environment from zero, pipes, its own process group.

use super::{Stage, launch, python};
use crate::bus::{BUS_CODEC, BUS_FD};
use crate::manifest::{Manifest, Sdk};
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
    let mut command = Command::new(&stage.helper);
    command.arg(launch::SUBCOMMAND);
    command.args(["--parent", &std::process::id().to_string(), "--bus", &at.to_string()]);
    for (option, limit) in [("--mem", mem), ("--cpu", cpu)] {
        if let Some(limit) = limit {
            command.args([option, &limit.to_string()]);
        }
    }
    command.arg("--");
    match &manifest.folder {
        None => command.arg(&stage.helper).args([PLAYER, &manifest.id]),
        Some(folder) => command.args(runtime.command.iter().map(|word| beside(folder, word))),
    };
    command.env_clear();
    for name in PASSED.into_iter().chain(runtime.pass_env.iter().map(String::as_str)) {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if runtime.sdk == Some(Sdk::Python) {
        command.env("PYTHONPATH", python::lay_down(&stage.cache_dir)?);
    }
    command.envs(&runtime.env);
    command.env(BUS_FD, at.to_string()).env(BUS_CODEC, runtime.codec.as_str());
    command.current_dir(&stage.working_dir).process_group(0);
    command.stdin(bus).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn()
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
