//! `instrument:openai-chat/chat`: a model behind any OpenAI-compatible endpoint.
//!
//! The reply is streamed as it is made. Tokens come from the endpoint's own count, or are estimated where it gives
//! none; money follows from the prices in the settings.

mod completion;
mod events;
mod question;

use super::ask::Ask;
use super::content::spread;
use super::http::client::{Asked, broken, class_of};
use crate::sdk::{Call, ErrorClass, Failure, Level, Outcome, Player, Reporter, Usage, Value};
use completion::{Completion, Piece};
use question::Question;
use std::io::{BufReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// The longest reply that is not streamed, and the longest error that is read.
const MAX_WHOLE: u64 = 16 << 20;

/// The player.
pub(super) struct Chat;

impl Player for Chat {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let question = Question::read(call)?;
        let asked = question.asked();
        let name = asked.name();
        // The exchange has a thread of its own, so that a cancelled call need not wait for a silent endpoint.
        let (sender, receiver) = sync_channel(64);
        std::thread::spawn(move || converse(&asked, &sender));
        let mut completion = Completion::default();
        match listen(&receiver, &mut completion, report) {
            Ok(()) => finish(call, &question, completion, &name, report),
            Err(mut failure) => {
                failure.usage = question.usage(&completion);
                Err(failure)
            }
        }
    }
}

/// Sends the question and passes on what comes back, piece by piece. Ends early when nobody listens any more.
fn converse(asked: &Asked, sender: &SyncSender<Result<Piece, Failure>>) {
    let result = exchange(asked, &mut |piece| sender.send(Ok(piece)).is_ok());
    if let Err(failure) = result {
        let _ = sender.send(Err(failure));
    }
}

fn exchange(asked: &Asked, pass_on: &mut dyn FnMut(Piece) -> bool) -> Result<(), Failure> {
    let name = asked.name();
    let (head, mut body) = asked.send()?.into_parts();
    let status = head.status.as_u16();
    let is_stream = head
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .is_some_and(|media_type| media_type.starts_with("text/event-stream"));
    if status < 400 && is_stream {
        return events::read(BufReader::new(body.as_reader()), &name, pass_on);
    }
    let mut bytes = Vec::new();
    body.as_reader().take(MAX_WHOLE).read_to_end(&mut bytes).map_err(|error| broken(&name, &error))?;
    if status >= 300 {
        let (class, retry_after) = class_of(status, &head.headers);
        // A server that is busy for a moment is a server that failed: only 429 is a limit on this caller.
        let class = if status == 503 { ErrorClass::Io } else { class };
        let said = completion::error_text(&bytes);
        return Err(Failure { retry_after, ..Failure::new(class, format!("{name} answered {status}: {said}")) });
    }
    for piece in completion::whole(&bytes, &name)? {
        pass_on(piece);
    }
    Ok(())
}

/// Gathers the pieces until the reply is whole.
fn listen(
    receiver: &Receiver<Result<Piece, Failure>>,
    completion: &mut Completion,
    report: &dyn Reporter,
) -> Result<(), Failure> {
    loop {
        if report.is_cancelled() {
            return Err(Failure::cancelled());
        }
        match receiver.recv_timeout(Duration::from_millis(20)) {
            Ok(piece) => {
                let piece = piece?;
                if let Piece::Text(text) = &piece {
                    report.chunk("text", text);
                }
                completion.take(piece)?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn finish(
    call: &Call,
    question: &Question,
    completion: Completion,
    name: &str,
    report: &dyn Reporter,
) -> Result<Outcome, Failure> {
    let usage = question.usage(&completion);
    let fail = |class, message: String| Err(Failure { usage, ..Failure::new(class, message) });
    match completion.finish.as_deref() {
        None => return fail(ErrorClass::Io, format!("{name}: the stream was cut before the reply was whole")),
        Some("content_filter") => {
            return fail(ErrorClass::Refused, format!("{name}: a content filter stopped the reply"));
        }
        Some("length") => report.log(Level::Warn, "the reply was cut at its greatest length; raise `max_tokens`"),
        Some(_) => {}
    }
    if let Some(refusal) = completion.refusal.filter(|_| completion.text.is_empty()) {
        return fail(ErrorClass::Refused, format!("{name}: the model refused: {refusal}"));
    }
    let parsed: Option<Value> = serde_json::from_str(&completion.text).ok();
    let parsed = match parsed {
        None if question.wants_json => {
            let begin: String = completion.text.chars().take(80).collect();
            return fail(ErrorClass::InvalidOutput, format!("{name}: JSON was asked for, the reply begins {begin:?}"));
        }
        None => crate::builtin::embedded_json(&completion.text),
        parsed => parsed,
    };
    let int = |count: u64| Value::Int(i64::try_from(count).unwrap_or(i64::MAX));
    let mut outcome = Outcome { usage, ..Outcome::of("text", completion.text) };
    if call.wants("finish") {
        outcome = outcome.with("finish", completion.finish.unwrap_or_default());
    }
    if let Some((input, output)) = completion.tokens {
        for (port, count) in [("tokens_in", input), ("tokens_out", output)] {
            if call.wants(port) {
                outcome = outcome.with(port, int(count));
            }
        }
    }
    if let Some(fields @ Value::Map(_)) = parsed {
        spread(call, &mut outcome, &fields);
    }
    Ok(outcome)
}

/// Tokens of a text where nobody counted them: a quarter of its characters, rounded up.
fn estimate(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// What tokens cost, at prices in dollars per million.
fn usage_of(input: u64, output: u64, prices: (f64, f64)) -> Usage {
    // A dollar per million tokens is a micro-dollar per token.
    let micros = input as f64 * prices.0 + output as f64 * prices.1;
    Usage { tokens: input + output, cost_micros: micros.ceil() as u64 }
}

#[cfg(test)]
mod tests;
