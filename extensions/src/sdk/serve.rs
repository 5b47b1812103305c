//! The loop of a player's process: HELLO, then one REQUEST after the other until the host closes the bus.

use super::session::Session;
use super::spill::{self, unspill};
use super::{Call, ErrorClass, Failure, OutPort, Outcome, Player, PortType};
use crate::bus::PROTOCOL;
use crate::bus::frame::FrameType;
use crate::bus::message::{Failed, Hello, Nothing, Request, Response};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// See [`super::serve`].
pub(super) fn serve(player: &dyn Player) -> ExitCode {
    let session = match Session::adopt() {
        Ok(session) => session,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match play_all(&session, player) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the bus failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play_all(session: &Session, player: &dyn Player) -> io::Result<()> {
    session.watch()?;
    let sdk = concat!("rust ", env!("CARGO_PKG_VERSION")).to_owned();
    session.send(FrameType::Hello, &Hello { protocol: PROTOCOL, sdk }, &[])?;
    while let Some(request) = session.next_request()? {
        let id = request.id;
        let answered = catch_unwind(AssertUnwindSafe(|| play(session, player, request)));
        session.finished();
        match answered {
            Ok(answered) => answered?,
            Err(panic) => {
                // The player's state may be broken: take no more calls, so that the host starts a fresh process.
                session.send(FrameType::Goaway, &Nothing {}, &[])?;
                let message = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "no message".to_owned());
                fail(session, id, Failure::new(ErrorClass::Crash, format!("the player panicked: {message}")))?;
                return Err(io::Error::other("the player panicked"));
            }
        }
    }
    Ok(())
}

fn play(session: &Session, player: &dyn Player, request: Request) -> io::Result<()> {
    let id = request.id;
    let played = call_of(session, request).and_then(|call| {
        let outcome = player.play(&call, session)?;
        Ok((call, outcome))
    });
    let (call, Outcome { mut outputs, usage }) = match played {
        Ok(played) => played,
        Err(failure) => return fail(session, id, failure),
    };
    for (port, value) in &mut outputs {
        let ty = call.outputs.iter().find(|known| known.name == *port).map(|known| &known.ty);
        if let Err(error) = spill::give_large(session, ty, value) {
            return fail(session, id, Failure { usage, ..Failure::io(format!("output `{port}`"), &error) });
        }
    }
    let response = Response { id, outputs, usage: usage.into() };
    match session.send(FrameType::Response, &response, &[]) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            let message = format!("the outputs do not fit a frame: {error}");
            fail(session, id, Failure { usage, ..Failure::new(ErrorClass::InvalidOutput, message) })
        }
        sent => sent,
    }
}

fn call_of(session: &Session, request: Request) -> Result<Call, Failure> {
    let mut inputs = request.inputs;
    for (port, value) in &mut inputs {
        if let Some(whole) = unspill(session, value).map_err(|error| Failure::io(format!("input `{port}`"), &error))? {
            *value = whole;
        }
    }
    let outputs = request
        .outputs
        .into_iter()
        .map(|port| OutPort { ty: PortType::parse(&port.ty).unwrap_or(PortType::Any), name: port.name });
    Ok(Call {
        operation: request.operation,
        inputs,
        settings: request.settings,
        outputs: outputs.collect(),
        idempotency_key: request.idempotency_key,
        path: request.path,
        attempt: request.attempt,
        seed: request.seed,
        timeout: request.timeout_ms.map(Duration::from_millis),
        working_dir: PathBuf::from(request.working_dir),
    })
}

fn fail(session: &Session, id: u64, failure: Failure) -> io::Result<()> {
    let mut message = failure.message;
    if message.len() > 16 << 10 {
        message.truncate(message.floor_char_boundary(16 << 10));
    }
    let retry_after_ms = failure.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let failed = Failed { id, class: failure.class, message, retry_after_ms, usage: failure.usage.into() };
    session.send(FrameType::Error, &failed, &[])
}
