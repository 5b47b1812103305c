//! `operator:python/call`: a function in a Python file.
//!
//! The function gets the node's inputs as keyword arguments and returns a dictionary of outputs, or one value. What
//! it prints goes to the log. The interpreter is the setting `python`, else `SYMPHONY_PYTHON`, else `python3`.

use super::ask::{Ask, refused};
use super::content::spread;
use super::file::resolve;
use super::process::{Ended, Stdin, run, tail};
use crate::sdk::{Call, ErrorClass, Failure, Level, Outcome, Player, Reporter, Value};
use std::io::Read;
use std::process::Command;

/// What the interpreter runs: reads the call from standard input, calls, and writes the result to the file named.
const RUNNER: &str = include_str!("runner.py");
/// Longest result, in bytes.
const MAX_RESULT: u64 = 64 << 20;

/// The player.
pub(super) struct Python;

impl Player for Python {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let must = |name: &str| {
            call.fixed_text(name)?.ok_or_else(|| refused(format!("`{name}` is missing: give `with.{name}`")))
        };
        let (file, function) = (must("file")?, must("function")?);
        let place = resolve(call, file)?;
        if !place.is_file() {
            return Err(Failure::new(ErrorClass::Io, format!("there is no file {}", place.display())));
        }
        let environment = std::env::var("SYMPHONY_PYTHON").ok().filter(|python| !python.is_empty());
        let python = call.fixed_text("python")?.map(str::to_owned).or(environment).unwrap_or_else(|| "python3".into());
        let (inputs, _open) = arguments(call, report)?;
        let message = serde_json::json!({
            "file": place.to_string_lossy(), "function": function, "inputs": inputs, "seed": call.seed,
        });
        let result = super::content::file_of(b"").map_err(|error| Failure::io("making room for the result", &error))?;
        let result_path = inherited(&result)?;
        let mut command = Command::new(&python);
        command
            .args(["-u", "-c", RUNNER, &result_path])
            .current_dir(&call.working_dir)
            .env("PYTHONIOENCODING", "utf-8");
        let mut log = Lines(Vec::new());
        let stdin = Stdin::Bytes(message.to_string().into_bytes());
        let ended = run(&mut command, stdin, report, &mut |piece| log.take(piece, report)).map_err(|failure| {
            if failure.message.contains("cannot be started") {
                let cure = "install Python 3, or name one with the setting `python` or SYMPHONY_PYTHON";
                return Failure::new(ErrorClass::Io, format!("{}; {cure}", failure.message));
            }
            failure
        })?;
        log.finish(report);
        for line in String::from_utf8_lossy(&ended.stderr).lines().filter(|line| !line.trim().is_empty()).take(1000) {
            report.log(Level::Warn, line);
        }
        outcome(call, read_result(&result_path)?, &ended, function)
    }
}

/// The path by which a child may open a file of this process.
fn inherited(file: &std::fs::File) -> Result<String, Failure> {
    use std::os::fd::AsRawFd;
    rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())
        .map_err(|error| Failure::io("handing a file over", &error.into()))?;
    Ok(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The inputs as JSON; an artifact is the path of a file to read. The files must stay open while the child runs.
fn arguments(call: &Call, report: &dyn Reporter) -> Result<(serde_json::Value, Vec<std::fs::File>), Failure> {
    let mut open = Vec::new();
    let mut inputs = serde_json::Map::new();
    for (name, value) in &call.inputs {
        let json = match value {
            Value::Artifact(artifact) => {
                let file = report
                    .open(artifact)
                    .map_err(|error| Failure::io(format!("handing input `{name}` over"), &error))?;
                let path = inherited(&file)?;
                open.push(file);
                serde_json::Value::String(path)
            }
            other => other.to_json(),
        };
        inputs.insert(name.clone(), json);
    }
    Ok((serde_json::Value::Object(inputs), open))
}

/// What the runner wrote.
fn read_result(path: &str) -> Result<Option<serde_json::Value>, Failure> {
    let failed = |error: std::io::Error| Failure::io("reading the result", &error);
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_RESULT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_RESULT {
        let message = "the function returned more than 64 MiB; write a file and return its path";
        return Err(Failure::new(ErrorClass::InvalidOutput, message));
    }
    Ok(serde_json::from_slice(&bytes).ok())
}

fn outcome(call: &Call, result: Option<serde_json::Value>, ended: &Ended, function: &str) -> Result<Outcome, Failure> {
    let Some(result) = result else {
        let message = format!("Python ended with code {} before `{function}` returned: {}", ended.code(), ended.tail());
        return Err(Failure::new(ErrorClass::Crash, message));
    };
    if let Some(error) = result.get("error") {
        let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        let class = match text("class") {
            "timeout" => ErrorClass::Timeout,
            "io" => ErrorClass::Io,
            "invalid_output" => ErrorClass::InvalidOutput,
            _ => ErrorClass::Refused,
        };
        return Err(Failure::new(class, format!("{}\n{}", text("message"), tail(text("traceback")))));
    }
    let value = result.get("value").map(Value::from_json).unwrap_or_default();
    let mut outcome = Outcome::default();
    match (&value, call.outputs.as_slice()) {
        // A single output takes a dictionary as its field of that name, or whole.
        (Value::Map(fields), [only]) if !fields.contains_key(&only.name) => {
            outcome.outputs.insert(only.name.clone(), value);
        }
        (Value::Map(_), _) | (_, [_]) => spread(call, &mut outcome, &value),
        (Value::Absent, []) => {}
        (_, ports) => {
            let message = format!("`{function}` must return a dictionary: the node has {} outputs", ports.len());
            return Err(Failure::new(ErrorClass::InvalidOutput, message));
        }
    }
    Ok(outcome)
}

/// Cuts what is printed into lines of the log.
struct Lines(Vec<u8>);

impl Lines {
    fn take(&mut self, piece: &[u8], report: &dyn Reporter) {
        self.0.extend_from_slice(piece);
        if let Some(end) = self.0.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.0.split_off(end + 1);
            let whole = std::mem::replace(&mut self.0, rest);
            String::from_utf8_lossy(&whole).lines().for_each(|line| report.log(Level::Info, line));
        }
    }

    fn finish(self, report: &dyn Reporter) {
        if !self.0.is_empty() {
            report.log(Level::Info, &String::from_utf8_lossy(&self.0));
        }
    }
}

#[cfg(test)]
mod tests;
