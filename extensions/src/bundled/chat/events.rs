//! Server-sent events: the lines of a stream, and the events they make up.
//!
//! An event is lines up to an empty one; its data are the `data:` lines, joined. `[DONE]` ends the stream. Comments
//! and fields of other names are passed over.

use super::completion::{Piece, from_event};
use crate::bundled::http::client::broken;
use crate::sdk::{ErrorClass, Failure};
use std::io::{BufRead, Read};

/// Longest line, and longest event, in bytes.
const MAX_EVENT: usize = 1 << 20;
/// Longest stream, in bytes.
const MAX_STREAM: u64 = 64 << 20;

/// Reads a stream to its end and passes on what its events say. `pass_on` answers whether to go on.
///
/// # Errors
/// `invalid_output` for what is no stream of completions, `io` or `timeout` when it breaks off.
pub(super) fn read(stream: impl BufRead, name: &str, pass_on: &mut dyn FnMut(Piece) -> bool) -> Result<(), Failure> {
    let mut stream = stream.take(MAX_STREAM);
    let mut data = String::new();
    loop {
        let mut line = Vec::new();
        let limit = MAX_EVENT as u64 + 1;
        let length = (&mut stream).take(limit).read_until(b'\n', &mut line).map_err(|error| broken(name, &error))?;
        if line.len() > MAX_EVENT || data.len() > MAX_EVENT {
            return Err(malformed(name, "an event is longer than 1 MiB"));
        }
        let line = std::str::from_utf8(&line).map_err(|_| malformed(name, "an event is not UTF-8"))?;
        let line = line.trim_end_matches(['\n', '\r']);
        if length > 0 && !line.is_empty() {
            if let Some(value) = line.strip_prefix("data:") {
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value.strip_prefix(' ').unwrap_or(value));
            }
            continue;
        }
        // An empty line ends an event, and so does the end of the stream.
        let event = std::mem::take(&mut data);
        if event == "[DONE]" {
            pass_on(Piece::Done);
            return Ok(());
        }
        if !event.is_empty() {
            for piece in from_event(&event, name)? {
                if !pass_on(piece) {
                    return Ok(());
                }
            }
        }
        if length == 0 {
            return Ok(());
        }
    }
}

/// A failure of class `invalid_output`.
pub(super) fn malformed(name: &str, what: &str) -> Failure {
    Failure::new(ErrorClass::InvalidOutput, format!("{name}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(stream: &str) -> Result<Vec<String>, Failure> {
        let mut texts = Vec::new();
        read(stream.as_bytes(), "POST x", &mut |piece| {
            if let Piece::Text(text) = piece {
                texts.push(text);
            }
            true
        })?;
        Ok(texts)
    }

    fn delta(text: &str) -> String {
        serde_json::json!({ "choices": [{ "delta": { "content": text } }] }).to_string()
    }

    #[test]
    fn events_are_cut_at_empty_lines() {
        let stream = format!(
            ": hello\nevent: x\ndata: {}\n\ndata:{}\r\n\r\ndata: [DONE]\n\ndata: x\n\n",
            delta("a"),
            delta("b")
        );
        assert_eq!(texts(&stream).unwrap(), ["a", "b"]);
        let split = "data: {\"choices\": [{\"delta\":\ndata: {\"content\": \"c\"}}]}\n";
        assert_eq!(texts(split).unwrap(), ["c"]);
    }

    #[test]
    fn nonsense_is_invalid() {
        for stream in ["data: {\n\n", "data: 1\n\n", &format!("data: {}\n\n", "x".repeat(2 << 20))] {
            assert_eq!(texts(stream).unwrap_err().class, ErrorClass::InvalidOutput);
        }
        assert_eq!(read(&b"data: \xff\n\n"[..], "x", &mut |_| true).unwrap_err().class, ErrorClass::InvalidOutput);
    }

    proptest! {
        #[test]
        fn any_stream_ends(stream in "(data: |:|\\{|\\}|\"|\n|\\[DONE\\]|[a-z]){0,40}") {
            let _ = texts(&stream);
        }

        #[test]
        fn pieces_arrive_unchanged(pieces in prop::collection::vec("\\PC{1,12}", 0..8)) {
            let stream: String = pieces.iter().map(|piece| format!("data: {}\n\n", delta(piece))).collect();
            prop_assert_eq!(texts(&stream).unwrap(), pieces);
        }
    }
}
