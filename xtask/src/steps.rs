//! A step: one command of a task, announced before it runs and timed after it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A command in the workspace's root, with nothing to read.
pub fn command(root: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root).stdin(Stdio::null());
    command
}

/// Cargo itself, the one that runs this task.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(root, program, arguments);
    // What `cargo run` set for this package must not reach the builds of others.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// Runs a step; its output goes where ours goes.
pub fn run(title: &str, command: &mut Command) -> Result<(), String> {
    eprintln!("\n── {title}");
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("{title}: cannot start {}: {error}", program(command)))?;
    let seconds = start.elapsed().as_secs_f64();
    if status.success() {
        eprintln!("── {title}: ok, {seconds:.1} s");
        return Ok(());
    }
    Err(format!("{title} failed ({status}) after {seconds:.1} s\n  the command was: {}", line(command)))
}

/// What a command prints, if it succeeds.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a command succeeds; what it prints is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_names_its_command() {
        let failure = run("say no", &mut command(Path::new("."), "sh", &["-c", "exit 3"])).unwrap_err();
        assert!(failure.contains("say no failed"), "{failure}");
        assert!(failure.contains("sh -c exit 3"), "{failure}");
    }

    #[test]
    fn output_of_a_failing_command_is_nothing() {
        assert_eq!(output(&mut command(Path::new("."), "sh", &["-c", "echo a"])).as_deref(), Some("a\n"));
        assert_eq!(output(&mut command(Path::new("."), "sh", &["-c", "echo a; exit 1"])), None);
    }
}
