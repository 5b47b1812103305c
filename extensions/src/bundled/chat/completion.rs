//! The reply of a model, as it comes together.

use super::events::malformed;
use crate::sdk::{ErrorClass, Failure};
use serde_json::Value as Json;

/// Longest reply, in bytes.
const MAX_TEXT: usize = 16 << 20;

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    /// More text.
    Text(String),
    /// More of the words with which the model refuses.
    Refusal(String),
    /// Why the reply is over: `stop`, `length`, `content_filter`, …
    Finish(String),
    /// Tokens in and out, as the endpoint counted.
    Tokens(u64, u64),
    /// The endpoint says that all has come. Some say only this and give no reason.
    Done,
}

/// A reply, or as much of it as has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Completion {
    /// The text.
    pub text: String,
    /// The words of a refusal.
    pub refusal: Option<String>,
    /// Why it is over; `None` while it is not.
    pub finish: Option<String>,
    /// Tokens in and out, if the endpoint counted.
    pub tokens: Option<(u64, u64)>,
}

impl Completion {
    /// Adds a piece.
    pub fn take(&mut self, piece: Piece) -> Result<(), Failure> {
        match piece {
            Piece::Text(text) => self.text.push_str(&text),
            Piece::Refusal(text) => self.refusal.get_or_insert_default().push_str(&text),
            Piece::Finish(why) => self.finish = Some(why),
            Piece::Tokens(input, output) => self.tokens = Some((input, output)),
            Piece::Done => {
                self.finish.get_or_insert_with(|| "stop".to_owned());
            }
        }
        if self.text.len() > MAX_TEXT {
            return Err(Failure::new(ErrorClass::InvalidOutput, "the reply is longer than 16 MiB"));
        }
        Ok(())
    }
}

/// What an event of a stream says.
pub(super) fn from_event(event: &str, name: &str) -> Result<Vec<Piece>, Failure> {
    pieces(parse(event.as_bytes(), name)?, "delta", name)
}

/// What a reply that came in one piece says.
pub(super) fn whole(body: &[u8], name: &str) -> Result<Vec<Piece>, Failure> {
    let body = parse(body, name)?;
    if !body["choices"].is_array() {
        return Err(malformed(name, "the answer has no `choices`; is this an OpenAI-compatible endpoint?"));
    }
    let mut pieces = pieces(body, "message", name)?;
    pieces.push(Piece::Done);
    Ok(pieces)
}

fn parse(bytes: &[u8], name: &str) -> Result<Json, Failure> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| {
        let begin: String = String::from_utf8_lossy(bytes).chars().take(80).collect();
        malformed(name, &format!("no JSON ({error}): {begin:?}"))
    })?;
    if json.is_object() { Ok(json) } else { Err(malformed(name, "an event is no JSON object")) }
}

/// The pieces of a completion object; `part` is where its choices keep them.
fn pieces(object: Json, part: &str, name: &str) -> Result<Vec<Piece>, Failure> {
    if let Some(error) = object.get("error").filter(|error| !error.is_null()) {
        return Err(Failure::new(ErrorClass::Io, format!("{name}: {}", error_words(error))));
    }
    let mut pieces = Vec::new();
    // Several choices are not asked for; the first one counts.
    let choice = &object["choices"][0];
    let text = |value: &Json| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    pieces.extend(text(&choice[part]["content"]).map(Piece::Text));
    pieces.extend(text(&choice[part]["refusal"]).map(Piece::Refusal));
    pieces.extend(text(&choice["finish_reason"]).map(Piece::Finish));
    let tokens = |field: &str| object["usage"][field].as_u64();
    if let (Some(input), Some(output)) = (tokens("prompt_tokens"), tokens("completion_tokens")) {
        pieces.push(Piece::Tokens(input, output));
    }
    Ok(pieces)
}

/// What an error answer says, for people.
pub(super) fn error_text(body: &[u8]) -> String {
    let words = match serde_json::from_slice::<Json>(body) {
        Ok(json) => error_words(json.get("error").unwrap_or(&json)),
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    words.chars().take(500).collect()
}

fn error_words(error: &Json) -> String {
    error["message"].as_str().or_else(|| error.as_str()).map_or_else(|| error.to_string(), str::to_owned)
}
