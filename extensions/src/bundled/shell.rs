//! `operator:shell/run`: a command of the machine.
//!
//! A string is run by `sh -c`, a list is run as it is, without a shell. Inputs arrive as environment variables
//! `IN_<PORT>`; an artifact or bytes as the path of a file to read.

use super::ask::{Ask, kind, refused, shown};
use super::content::{as_port, bytes_of, file_of, spread};
use super::process::{Ended, Stdin, run};
use crate::sdk::{Call, ErrorClass, Failure, Outcome, Player, Reporter, Value};
use rustix::io::{FdFlags, fcntl_setfd};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;

/// The longest value of an environment variable. Linux takes 128 KiB for one string.
const MAX_VARIABLE: usize = 120 * 1024;

/// The player.
pub(super) struct Shell;

impl Player for Shell {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let mut command = command(call)?;
        let _open = set_environment(&mut command, call, report)?;
        if let Some(folder) = call.fixed_text("cwd")? {
            command.current_dir(call.working_dir.join(folder));
        } else {
            command.current_dir(&call.working_dir);
        }
        let stdin = match call.input("stdin") {
            Some(value) => Stdin::Bytes(bytes_of(value, "input `stdin`", report)?),
            None => Stdin::Empty,
        };
        let mut lines = Lines::default();
        let ended = run(&mut command, stdin, report, &mut |piece| lines.take(piece, report))?;
        lines.finish(report);
        outcome(call, ended, report)
    }
}

/// A command as a list of words.
fn words(items: &[Value]) -> Result<Vec<&str>, Failure> {
    let not_text = || refused("`command` must be text or a list of texts");
    items.iter().map(|item| item.as_text().ok_or_else(not_text)).collect()
}

/// What to run.
fn command(call: &Call) -> Result<Command, Failure> {
    match call.setting("command") {
        Some(Value::Text(script)) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Ok(command)
        }
        Some(Value::List(items)) => {
            let words = words(items)?;
            let (program, arguments) = words.split_first().ok_or_else(|| refused("`command` is an empty list"))?;
            let mut command = Command::new(program);
            command.args(arguments);
            Ok(command)
        }
        Some(other) => Err(refused(format!("`command` must be text or a list of texts, not {}", kind(other)))),
        None => Err(refused("`command` is missing: give `with.command`, text for the shell or a list of words")),
    }
}

/// Sets the variables. The files returned must stay open until the child has started.
fn set_environment(command: &mut Command, call: &Call, report: &dyn Reporter) -> Result<Vec<File>, Failure> {
    let mut open = Vec::new();
    match call.setting("env") {
        None => {}
        Some(Value::Map(variables)) => {
            for (name, value) in variables.iter() {
                set(command, name, shown(value))?;
            }
        }
        Some(other) => return Err(refused(format!("`env` must be a table of texts, not {}", kind(other)))),
    }
    for (port, value) in call.inputs.iter().filter(|(port, value)| value.is_present() && *port != "stdin") {
        let name = format!("IN_{}", port.to_uppercase());
        let text = match value {
            Value::Artifact(_) | Value::Bytes(_) => {
                let failed = |error| Failure::io(format!("handing input `{port}` over"), &error);
                let file = match value {
                    Value::Artifact(artifact) => report.open(artifact).map_err(failed)?,
                    _ => file_of(&bytes_of(value, port, report)?).map_err(failed)?,
                };
                fcntl_setfd(&file, FdFlags::empty()).map_err(|error| failed(error.into()))?;
                let path = format!("/dev/fd/{}", file.as_raw_fd());
                open.push(file);
                path
            }
            other => shown(other),
        };
        set(command, &name, text)?;
    }
    Ok(open)
}

fn set(command: &mut Command, name: &str, text: String) -> Result<(), Failure> {
    if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
        return Err(refused(format!("`{name}` cannot be an environment variable: it holds a NUL or an `=`")));
    }
    if text.len() > MAX_VARIABLE {
        let cure = "bind it to the input `stdin`, or make it an artifact";
        return Err(refused(format!("`{name}` is {} bytes, too long for an environment variable; {cure}", text.len())));
    }
    command.env(name, text);
    Ok(())
}

fn outcome(call: &Call, ended: Ended, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let code = ended.code();
    if call.setting("check").and_then(Value::as_bool).unwrap_or(true) && code != 0 {
        let said = if ended.stderr.is_empty() { String::new() } else { format!(":\n{}", ended.tail()) };
        return Err(Failure::new(ErrorClass::Io, format!("the command ended with code {code}{said}")));
    }
    let parsed: Option<Value> = serde_json::from_slice(&ended.stdout).ok();
    let mut outcome = Outcome::default();
    let Ended { stdout, stderr, .. } = ended;
    for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
        if let Some(port) = call.outputs.iter().find(|port| port.name == name) {
            let value = as_port(bytes, &port.ty, "text/plain", name, report)?;
            outcome = outcome.with(name, value);
        }
    }
    if call.wants("code") {
        outcome = outcome.with("code", code);
    }
    if let Some(object @ Value::Map(_)) = parsed {
        spread(call, &mut outcome, &object);
    }
    Ok(outcome)
}

/// Cuts a stream after its lines and streams them as chunks of `stdout`.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, piece: &[u8], report: &dyn Reporter) {
        self.0.extend_from_slice(piece);
        if let Some(end) = self.0.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.0.split_off(end + 1);
            let whole = std::mem::replace(&mut self.0, rest);
            // All lines that came together travel together: a frame a line would cost a wake-up a line.
            report.chunk("stdout", &String::from_utf8_lossy(&whole));
        }
    }

    fn finish(self, report: &dyn Reporter) {
        if !self.0.is_empty() {
            report.chunk("stdout", &String::from_utf8_lossy(&self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Notes, call, json, play, typed};
    use super::*;
    use crate::sdk::PortType;
    use serde_json::json;

    fn run(
        inputs: &[(&str, Value)],
        settings: &[(&str, Value)],
        outputs: &[&str],
    ) -> (Result<Outcome, Failure>, Notes) {
        play("shell", &std::env::temp_dir(), call("run", inputs, settings, outputs))
    }

    #[test]
    fn a_script_sees_its_inputs() {
        let inputs = [("name", "wörld".into()), ("list", json(json!([1, 2]))), ("stdin", "hello".into())];
        let script = ("command", "cat; printf ' %s %s' \"$IN_NAME\" \"$IN_LIST\"; printf oops >&2".into());
        let (result, notes) = run(&inputs, &[script], &["stdout", "stderr", "code"]);
        let expected = Outcome::of("stdout", "hello wörld [1,2]").with("stderr", "oops").with("code", Value::Int(0));
        assert_eq!(result.unwrap(), expected);
        assert_eq!(notes.streamed("stdout"), "hello wörld [1,2]");
    }

    #[test]
    fn a_list_needs_no_shell() {
        let words = json(json!(["printf", "%s", "$HOME;`id`"]));
        assert_eq!(run(&[], &[("command", words)], &["stdout"]).0.unwrap(), Outcome::of("stdout", "$HOME;`id`"));
    }

    #[test]
    fn a_failing_command_fails_unless_told_otherwise() {
        let command = ("command", "echo broken >&2; exit 3".into());
        let failure = run(&[], std::slice::from_ref(&command), &["stdout"]).0.unwrap_err();
        assert_eq!(
            (failure.class, failure.message.as_str()),
            (ErrorClass::Io, "the command ended with code 3:\nbroken")
        );
        let outcome = run(&[], &[command, ("check", false.into())], &["code"]).0.unwrap();
        assert_eq!(outcome, Outcome::of("code", Value::Int(3)));
    }

    #[test]
    fn lines_are_streamed_as_they_come() {
        let (_, notes) = run(&[], &[("command", "echo one; echo two; printf three".into())], &["stdout"]);
        let chunks: Vec<String> = notes.chunks.lock().unwrap().iter().map(|(_, text)| text.clone()).collect();
        assert_eq!(chunks.concat(), "one\ntwo\nthree");
        assert!(chunks.iter().all(|chunk| chunk.ends_with('\n') || chunk == "three"), "{chunks:?}");
    }

    #[test]
    fn fields_of_a_json_object_go_to_ports() {
        let command = ("command", "echo '{\"n\": 3, \"ok\": true, \"code\": 9}'".into());
        let outcome = run(&[], &[command], &["n", "ok", "code", "missing"]).0.unwrap();
        assert_eq!(outcome, Outcome::of("n", Value::Int(3)).with("ok", true).with("code", Value::Int(0)));
    }

    #[test]
    fn an_artifact_arrives_as_a_path() {
        let notes = Notes::default();
        let inputs =
            [("data", notes.keep(b"from the store", "text/plain")), ("raw", Value::Bytes(b"raw".as_slice().into()))];
        let settings = [("command", "cat \"$IN_DATA\" \"$IN_RAW\" \"$IN_DATA\"".into())];
        let outputs = [("stdout", PortType::Artifact(None))];
        let outcome = Shell.play(&typed("run", &inputs, &settings, &outputs), &notes).unwrap();
        assert_eq!(notes.content(&outcome.outputs["stdout"]), b"from the storerawfrom the store");
    }

    #[test]
    fn cwd_and_env_are_settings() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let settings = [
            ("command", "pwd; echo $COLOUR".into()),
            ("cwd", "inner".into()),
            ("env", json(json!({"COLOUR": "blue"}))),
        ];
        let (result, _) = play("shell", folder.path(), call("run", &[], &settings, &["stdout"]));
        let stdout = result.unwrap().outputs["stdout"].as_text().unwrap().to_owned();
        assert!(stdout.ends_with("/inner\nblue\n"), "{stdout}");
    }

    #[test]
    fn what_cannot_be_run_is_said() {
        let message =
            |inputs: &[(&str, Value)], settings: &[(&str, Value)]| run(inputs, settings, &[]).0.unwrap_err().message;
        assert!(message(&[], &[]).contains("with.command"));
        assert!(message(&[], &[("command", json(json!([])))]).contains("empty"));
        assert!(message(&[], &[("command", Value::Int(1))]).contains("a whole number"));
        let long = [("long", Value::text("x".repeat(200_000)))];
        assert!(message(&long, &[("command", "true".into())]).contains("`stdin`"));
        assert!(message(&[("nul", "a\0b".into())], &[("command", "true".into())]).contains("NUL"));
    }
}
