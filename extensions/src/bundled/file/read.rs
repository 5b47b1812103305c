//! `file/read`: the content of a file, in the form that each output port declares.

use super::confine::resolve;
use crate::bundled::ask::Ask;
use crate::bundled::content::{as_port, bytes_of, read_bounded};
use crate::sdk::{Call, ErrorClass, Failure, Outcome, PortType, Reporter, Value};
use std::fs::File;
use std::path::Path;
use symphony_ecs_core::value::Digest;

/// Plays `read`. Ports `path`, `bytes` (when it is a number) and `digest` describe the file; any other port gets the
/// content: as text, parsed JSON, bytes or an artifact, as its type says.
pub(super) fn read(call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
    let (bytes, name) = source(call, report)?;
    let mut outcome = Outcome::default();
    for port in &call.outputs {
        let value = match (port.name.as_str(), &port.ty) {
            ("path", _) => Value::text(name.as_str()),
            ("digest", _) => Value::text(Digest::of(&bytes).to_string()),
            ("bytes", PortType::Int) => Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX)),
            (_, ty) => as_port(bytes.clone(), ty, media_type(&name), &name, report)?,
        };
        outcome.outputs.insert(port.name.clone(), value);
    }
    Ok(outcome)
}

/// The bytes that a call names, by `path` or as the input `artifact`, and a name for them.
pub(in crate::bundled) fn source(call: &Call, report: &dyn Reporter) -> Result<(Vec<u8>, String), Failure> {
    if let Some(artifact) = call.input("artifact") {
        return Ok((bytes_of(artifact, "input `artifact`", report)?, "the artifact".to_owned()));
    }
    let path = call.must_text("path")?;
    let place = resolve(call, path)?;
    let failed = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let what = if missing { "there is no file" } else { "cannot read" };
        Failure::new(ErrorClass::Io, format!("{what} {}: {error}", place.display()))
    };
    let mut file = File::open(&place).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        let message = format!("{} is a folder; `list` and `glob` look into folders", place.display());
        return Err(Failure::new(ErrorClass::Io, message));
    }
    Ok((read_bounded(&mut file, &place.display().to_string())?, path.to_owned()))
}

/// The media type that a file's name suggests.
pub(super) fn media_type(path: &str) -> &'static str {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "md" | "markdown" => "text/markdown",
        "txt" | "log" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "diff" | "patch" => "text/x-diff",
        "json" => "application/json",
        "toml" => "application/toml",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Files;
    use super::*;
    use crate::bundled::trial::{Notes, call, play, typed};
    use crate::sdk::Player;

    #[test]
    fn each_port_gets_the_form_it_declares() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.json"), "{\"n\": 1}").unwrap();
        let ports = [
            ("text", PortType::Text),
            ("value", PortType::Json(None)),
            ("artifact", PortType::Artifact(None)),
            ("bytes", PortType::Int),
            ("path", PortType::Text),
            ("digest", PortType::Text),
        ];
        let (result, notes) = play("file", folder.path(), typed("read", &[], &[("path", "a.json".into())], &ports));
        let outputs = result.unwrap().outputs;
        assert_eq!(outputs["text"], Value::text("{\"n\": 1}"));
        assert_eq!(outputs["value"], Value::map([("n", Value::Int(1))]));
        assert_eq!(outputs["bytes"], Value::Int(8));
        assert_eq!(outputs["digest"], Value::text(Digest::of(b"{\"n\": 1}").to_string()));
        assert_eq!(notes.content(&outputs["artifact"]), b"{\"n\": 1}");
        assert!(matches!(&outputs["artifact"], Value::Artifact(artifact) if artifact.media_type == "application/json"));
    }

    #[test]
    fn an_artifact_is_read_back() {
        let notes = Notes::default();
        let artifact = notes.keep("hällo".as_bytes(), "text/plain");
        let outcome = Files.play(&call("read", &[("artifact", artifact)], &[], &["text"]), &notes).unwrap();
        assert_eq!(outcome, Outcome::of("text", "hällo"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let failure = |path: &str| {
            play("file", folder.path(), call("read", &[], &[("path", path.into())], &["text"])).0.unwrap_err()
        };
        let missing = failure("no/such/file");
        assert!(missing.class == ErrorClass::Io && missing.message.contains("no/such/file"), "{missing}");
        assert!(failure(".").message.contains("is a folder"));
        assert_eq!(failure("../x").class, ErrorClass::Denied);
    }
}
