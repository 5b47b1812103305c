//! Bytes on their way to an output port, in the form that the port's type asks for.

use super::ask::{kind, refused};
use crate::sdk::{Call, ErrorClass, Failure, Outcome, PortType, Reporter, Value};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

/// The largest content a bundled player takes or gives.
pub(super) const MAX_CONTENT: u64 = 64 << 20;

/// Bytes as the value of a port: text where the type allows text, else parsed JSON, bytes or an artifact.
///
/// `what` names the bytes in messages (a path, `stdout`, a URL).
pub(super) fn as_port(
    bytes: Vec<u8>,
    ty: &PortType,
    media_type: &str,
    what: &str,
    report: &dyn Reporter,
) -> Result<Value, Failure> {
    match ty {
        PortType::Artifact(_) => {
            let file = file_of(&bytes).map_err(|error| Failure::io(format!("handing over {what}"), &error))?;
            report.give(file, media_type).map_err(|error| Failure::io(format!("handing over {what}"), &error))
        }
        PortType::Bytes => Ok(Value::Bytes(bytes.into())),
        PortType::Optional(inner) => as_port(bytes, inner, media_type, what, report),
        PortType::Text | PortType::Any | PortType::Enum(_) => text_of(bytes, what).map(Value::text),
        PortType::Union(any_of) if any_of.contains(&PortType::Text) => text_of(bytes, what).map(Value::text),
        _ => serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(
                ErrorClass::InvalidOutput,
                format!("{what} is not JSON, which the output's type asks for: {error}"),
            )
        }),
    }
}

/// Bytes as text.
pub(super) fn text_of(bytes: Vec<u8>, what: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let cure = "declare the output as `bytes` or `artifact` to take it as it is";
        Failure::new(ErrorClass::InvalidOutput, format!("{what} is not UTF-8 (byte {place}); {cure}"))
    })
}

/// An anonymous file that holds the bytes, at its start.
pub(super) fn file_of(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("symphony", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// Reads to the end, at most [`MAX_CONTENT`] bytes.
pub(super) fn read_bounded(source: &mut dyn Read, what: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    source.take(MAX_CONTENT + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(what, &error))?;
    if bytes.len() as u64 > MAX_CONTENT {
        return Err(refused(format!("{what} is larger than 64 MiB; take a smaller piece")));
    }
    Ok(bytes)
}

/// The bytes that a value stands for: of text, of bytes, of an artifact, or the JSON of anything else.
pub(super) fn bytes_of(value: &Value, what: &str, report: &dyn Reporter) -> Result<Vec<u8>, Failure> {
    match value {
        Value::Text(text) => Ok(text.as_bytes().to_vec()),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        Value::Artifact(artifact) => {
            let mut file = report.open(artifact).map_err(|error| Failure::io(format!("opening {what}"), &error))?;
            read_bounded(&mut file, what)
        }
        Value::Absent => Err(refused(format!("{what} is {}", kind(value)))),
        other => Ok((serde_json::to_string_pretty(other).unwrap_or_default() + "\n").into_bytes()),
    }
}

/// Gives the fields of a JSON object to the declared ports that have no value yet, by name. A value that is not an
/// object goes to the only such port, if there is just one.
pub(super) fn spread(call: &Call, outcome: &mut Outcome, value: &Value) {
    let open: Vec<&str> = call
        .outputs
        .iter()
        .map(|port| port.name.as_str())
        .filter(|name| !outcome.outputs.contains_key(*name))
        .collect();
    match value {
        Value::Map(fields) => {
            for name in &open {
                if let Some(field) = fields.get(*name) {
                    outcome.outputs.insert((*name).to_owned(), field.clone());
                }
            }
        }
        other => {
            if let [only] = open.as_slice() {
                outcome.outputs.insert((*only).to_owned(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::{Notes, call};
    use super::*;

    #[test]
    fn the_type_decides_the_form() {
        let notes = Notes::default();
        let form = |ty: PortType| as_port(b"{\"a\":1}".to_vec(), &ty, "application/json", "it", &notes).unwrap();
        assert_eq!(form(PortType::Text), Value::text("{\"a\":1}"));
        assert_eq!(form(PortType::Bytes), Value::Bytes(b"{\"a\":1}".as_slice().into()));
        assert_eq!(form(PortType::Json(None)), Value::map([("a", Value::Int(1))]));
        let Value::Artifact(artifact) = form(PortType::Optional(Box::new(PortType::Artifact(None)))) else { panic!() };
        assert_eq!((artifact.size, artifact.media_type.as_str()), (7, "application/json"));
    }

    #[test]
    fn text_must_be_utf8() {
        let failure = as_port(vec![b'a', 255], &PortType::Text, "x/y", "stdout", &Notes::default()).unwrap_err();
        assert_eq!(failure.class, ErrorClass::InvalidOutput);
        assert!(failure.message.starts_with("stdout is not UTF-8 (byte 1)"));
    }

    #[test]
    fn reading_is_bounded() {
        let failure = read_bounded(&mut std::io::repeat(0), "the stream").unwrap_err();
        assert!(failure.message.contains("64 MiB"));
    }

    #[test]
    fn fields_go_to_ports_by_name() {
        let call = call("x", &[], &[], &["text", "a", "b"]);
        let mut outcome = Outcome::of("text", "kept");
        spread(&call, &mut outcome, &Value::map([("text", Value::Int(0)), ("a", Value::Int(1)), ("z", Value::Int(2))]));
        assert_eq!(outcome, Outcome::of("text", "kept").with("a", Value::Int(1)));
        let mut outcome = Outcome::of("text", "kept").with("a", "x");
        spread(&call, &mut outcome, &Value::Int(7));
        assert_eq!(outcome.outputs.get("b"), Some(&Value::Int(7)));
    }
}
