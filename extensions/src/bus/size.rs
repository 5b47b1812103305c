//! How large a value is, and which media type a port gives it.

use std::io::{self, Write};
use symphony_ecs_core::types::MediaType;
use symphony_ecs_core::value::Value;

/// Whether the canonical JSON of a value is longer than `limit` bytes. Writes nothing and stops early.
pub fn exceeds(value: &Value, limit: usize) -> bool {
    struct Room(usize);
    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    match value {
        Value::Absent | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Artifact(_) => false,
        // No character grows more than sixfold.
        Value::Text(text) if text.len() < limit / 6 - 1 => false,
        value => serde_json::to_writer(Room(limit), value).is_err(),
    }
}

/// The media type that a port of type `artifact<media>` gives to plain text or bytes.
pub fn concrete(media: Option<&MediaType>, otherwise: &str) -> String {
    match media {
        Some(MediaType { kind, subtype: Some(subtype) }) => format!("{kind}/{subtype}"),
        Some(MediaType { kind, subtype: None }) if kind == "text" => "text/plain".to_owned(),
        Some(MediaType { kind, subtype: None }) => format!("{kind}/octet-stream"),
        None => otherwise.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let value = Value::list(vec![Value::text("ab\u{1}"), Value::Int(12)]);
        let length = value.canonical_json().len();
        assert!(!exceeds(&value, length));
        assert!(exceeds(&value, length - 1));
        assert!(exceeds(&Value::text("\u{1}".repeat(100)), 500));
        assert!(!exceeds(&Value::text("a".repeat(100)), 102));
    }
}
