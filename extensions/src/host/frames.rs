//! What the host does with each frame of a player.

use super::answer;
use super::process::{End, Process};
use super::worker::{Active, Phase};
use crate::bus::PROTOCOL;
use crate::bus::frame::{Frame, FrameType};
use crate::bus::message::{Failed, FdPass, Hello, LogLine, Progress, Response, StreamData};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::time::{Duration, Instant};
use symphony_ecs_core::ids::CallId;
use symphony_ecs_core::ports::{CallFailure, CallOutcome, CallWhat, Usage};

/// Files that a player may hand over in one call.
const MAX_GIVEN: usize = 256;

impl Process {
    fn read<T: DeserializeOwned>(&self, frame: &Frame) -> Result<T, End> {
        let wrong = |error| End::Broken(format!("broke the protocol: {:?} frame: {error}", frame.kind));
        self.codec().decode(&frame.payload).map_err(wrong)
    }

    /// Handles one frame. An error ends the process.
    pub(super) fn handle(&mut self, frame: Frame, now: Instant) -> Result<(), End> {
        if self.hello_by.is_some() {
            return self.hello(&frame);
        }
        match frame.kind {
            FrameType::Response => {
                let response: Response = self.read(&frame)?;
                let mut active = self.take_active(response.id)?;
                let usage = Usage::from(response.usage);
                let what = match self.stopped(&active, usage) {
                    Some(failed) => failed,
                    None => match answer::outputs(&*self.stage.artifacts, &mut active, response.outputs) {
                        Ok(outputs) => CallWhat::Done(CallOutcome { outputs, usage }),
                        Err((class, message)) => {
                            CallWhat::Failed(CallFailure { class, message, retry_after: None, usage })
                        }
                    },
                };
                self.complete(active.id, what, now);
            }
            FrameType::Error => {
                let failed: Failed = self.read(&frame)?;
                let active = self.take_active(failed.id)?;
                let usage = Usage::from(failed.usage);
                let what = self.stopped(&active, usage).unwrap_or_else(|| {
                    let retry_after = failed.retry_after_ms.map(Duration::from_millis);
                    CallWhat::Failed(CallFailure { class: failed.class, message: failed.message, retry_after, usage })
                });
                self.complete(active.id, what, now);
            }
            FrameType::StreamData => {
                let data: StreamData = self.read(&frame)?;
                if self.is_current(data.id).is_some() {
                    self.reports.chunk(data.port, &data.text);
                }
            }
            FrameType::Event => {
                let progress: Progress = self.read(&frame)?;
                if self.is_current(progress.id).is_some() {
                    self.reports.progress(progress.fraction, progress.message);
                }
            }
            FrameType::Log => {
                let line: LogLine = self.read(&frame)?;
                self.reports.log(line.level.as_str(), &line.message, now);
            }
            FrameType::FdPass => {
                let pass: FdPass = self.read(&frame)?;
                let Some(fd) = self.fds.pop_front() else {
                    return Err(End::Broken("broke the protocol: FdPass without a descriptor".to_owned()));
                };
                let mut state = self.worker.state();
                if let Some(active) = state.active.as_mut().filter(|active| active.serial == pass.id) {
                    if active.given.len() >= MAX_GIVEN {
                        return Err(End::Broken(format!("handed over more than {MAX_GIVEN} files in one call")));
                    }
                    active.given.push((File::from(fd), pass.media_type));
                }
            }
            FrameType::Ping => self.pong()?,
            FrameType::Pong => {}
            FrameType::Goaway => {
                self.single = true;
                let mut state = self.worker.state();
                if state.phase == Phase::Idle {
                    state.phase = Phase::Ending;
                }
            }
            FrameType::Hello | FrameType::HelloAck | FrameType::Request | FrameType::Cancel => {
                return Err(End::Broken(format!("broke the protocol: {:?} is not for a player to send", frame.kind)));
            }
        }
        Ok(())
    }

    fn hello(&mut self, frame: &Frame) -> Result<(), End> {
        if frame.kind != FrameType::Hello {
            return Err(End::Broken(format!("broke the protocol: {:?} came before HELLO", frame.kind)));
        }
        let hello: Hello = self.read(frame)?;
        if hello.protocol != PROTOCOL {
            let message = format!("speaks version {} of the bus; this host speaks version {PROTOCOL}", hello.protocol);
            return Err(End::Broken(message));
        }
        self.welcome()
    }

    /// The call of that number, if it is still wanted.
    fn is_current(&self, serial: u64) -> Option<CallId> {
        let state = self.worker.state();
        let active = state.active.as_ref().filter(|active| active.serial == serial && active.stopping.is_none());
        active.map(|active| active.id)
    }

    fn take_active(&self, serial: u64) -> Result<Active, End> {
        let mut state = self.worker.state();
        match state.active.take() {
            Some(active) if active.serial == serial => Ok(active),
            other => {
                state.active = other;
                Err(End::Broken(format!("broke the protocol: it answered call {serial}, which it is not playing")))
            }
        }
    }

    /// A call that was asked to stop has failed, whatever the player says.
    fn stopped(&self, active: &Active, usage: Usage) -> Option<CallWhat> {
        let stopping = active.stopping.as_ref()?;
        let (class, message) = (stopping.class, stopping.message.clone());
        Some(CallWhat::Failed(CallFailure { class, message, retry_after: None, usage }))
    }
}
