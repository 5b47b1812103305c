//! What a player tells while it plays, thinned out so that no player drowns the others.
//!
//! The event channel is shared and bounded. A quarter of it is kept for the ends of calls, which always get through;
//! progress is overwritten by newer progress, log lines above the rate are counted and left out, and chunks of
//! outputs are joined and never dropped: when they cannot go on, the player's socket is not read.

use super::secrets::scrub;
use crossbeam_channel::{SendTimeoutError, Sender};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use symphony_ecs_core::ids::CallId;
use symphony_ecs_core::ports::{CallEvent, CallWhat};

/// Chunks of one player go on at most this often.
const CHUNKS_EVERY: Duration = Duration::from_millis(4);
/// Progress likewise.
const PROGRESS_EVERY: Duration = Duration::from_millis(50);
/// When the channel is full, the next look at it.
const AGAIN: Duration = Duration::from_millis(5);
/// Bytes of chunks that wait before the socket is no longer read.
const MAX_CHUNK_BYTES: usize = 256 << 10;
/// Log lines at once, and a second.
const LOG_BURST: u32 = 100;
/// Time in which one more log line may pass.
const LOG_EVERY: Duration = Duration::from_millis(20);
/// Longest line or message.
const LINE: usize = 8 << 10;

/// The outlet of one process.
pub(super) struct Reports {
    events: Sender<CallEvent>,
    call: Option<CallId>,
    secrets: Vec<String>,
    chunks: VecDeque<(String, String)>,
    chunk_bytes: usize,
    next_chunk: Instant,
    progress: Option<CallWhat>,
    next_progress: Instant,
    logs: VecDeque<CallWhat>,
    log_room: u32,
    log_since: Instant,
    dropped: u64,
    full: bool,
}

impl Reports {
    pub fn new(events: Sender<CallEvent>, now: Instant) -> Self {
        Self {
            events,
            call: None,
            secrets: Vec::new(),
            chunks: VecDeque::new(),
            chunk_bytes: 0,
            next_chunk: now,
            progress: None,
            next_progress: now,
            logs: VecDeque::new(),
            log_room: LOG_BURST,
            log_since: now,
            dropped: 0,
            full: false,
        }
    }

    /// Reports belong to this call from now on.
    pub fn begin(&mut self, call: CallId, secrets: Vec<String>) {
        if self.call != Some(call) {
            self.call = Some(call);
            self.secrets = secrets;
        }
    }

    pub fn chunk(&mut self, port: String, text: &str) {
        self.chunk_bytes += text.len();
        match self.chunks.back_mut() {
            Some((last, joined)) if *last == port => joined.push_str(text),
            _ => self.chunks.push_back((port, text.to_owned())),
        }
    }

    pub fn progress(&mut self, fraction: Option<f32>, message: Option<String>) {
        let message = message.map(|message| self.clean(&message));
        self.progress =
            Some(CallWhat::Progress { fraction: fraction.filter(|fraction| fraction.is_finite()), message });
    }

    pub fn log(&mut self, level: &str, message: &str, now: Instant) {
        let spans = now.duration_since(self.log_since).as_millis() / LOG_EVERY.as_millis();
        if spans > 0 {
            self.log_room = self.log_room.saturating_add(u32::try_from(spans).unwrap_or(u32::MAX)).min(LOG_BURST);
            self.log_since = now;
        }
        if self.call.is_none() || self.log_room == 0 {
            self.dropped += u64::from(self.call.is_some());
            return;
        }
        self.log_room -= 1;
        let message = self.clean(message);
        self.logs.push_back(CallWhat::Log { level: level.to_owned(), message });
    }

    fn clean(&self, text: &str) -> String {
        scrub(text.get(..text.floor_char_boundary(LINE)).unwrap_or(text).to_owned(), &self.secrets)
    }

    /// Whether the player must wait.
    pub fn is_blocked(&self) -> bool {
        self.chunk_bytes > MAX_CHUNK_BYTES
    }

    /// When [`flush`](Self::flush) has something to do again.
    pub fn next_flush(&self, now: Instant) -> Option<Instant> {
        let due = [
            (!self.chunks.is_empty()).then_some(self.next_chunk),
            self.progress.is_some().then_some(self.next_progress),
            (!self.logs.is_empty()).then_some(now),
        ];
        let due = due.into_iter().flatten().min()?;
        Some(if self.full { due.max(now + AGAIN) } else { due })
    }

    /// Sends on what is due and has room.
    pub fn flush(&mut self, now: Instant) {
        let Some(id) = self.call else { return };
        self.full = false;
        let room = self.events.capacity().unwrap_or(usize::MAX) / 4 * 3;
        let send = |what: CallWhat| -> Result<(), CallWhat> {
            if self.events.len() >= room {
                return Err(what);
            }
            self.events.try_send(CallEvent { id, what }).map_err(|error| error.into_inner().what)
        };
        while let Some(log) = self.logs.pop_front() {
            if let Err(log) = send(log) {
                self.logs.push_front(log);
                self.full = true;
                break;
            }
        }
        if now >= self.next_progress
            && let Some(progress) = self.progress.take()
        {
            match send(progress) {
                Ok(()) => self.next_progress = now + PROGRESS_EVERY,
                Err(progress) => (self.progress, self.full) = (Some(progress), true),
            }
        }
        while now >= self.next_chunk
            && let Some((port, text)) = self.chunks.pop_front()
        {
            let length = text.len();
            match send(CallWhat::Chunk { port, text }) {
                Ok(()) => self.chunk_bytes -= length,
                Err(CallWhat::Chunk { port, text }) => {
                    self.chunks.push_front((port, text));
                    self.full = true;
                    return;
                }
                Err(_) => {}
            }
            if self.chunks.is_empty() {
                self.next_chunk = now + CHUNKS_EVERY;
            }
        }
    }

    /// Sends the end of a call, after what is left of its chunks. Waits for room as long as `stopped` says no.
    pub fn end(&mut self, id: CallId, mut what: CallWhat, stopped: impl Fn() -> bool) {
        if let CallWhat::Failed(failure) = &mut what {
            failure.message = scrub(std::mem::take(&mut failure.message), &self.secrets);
        }
        let mut last = Vec::new();
        if matches!(what, CallWhat::Done(_)) {
            last.extend(self.chunks.drain(..).map(|(port, text)| CallWhat::Chunk { port, text }));
        }
        last.extend(self.logs.drain(..));
        if self.dropped > 0 {
            let message = format!("{} log lines were left out: too many at once", self.dropped);
            last.push(CallWhat::Log { level: "warn".to_owned(), message });
        }
        last.push(what);
        self.chunks.clear();
        (self.chunk_bytes, self.dropped, self.progress, self.call) = (0, 0, None, None);
        for what in last {
            let mut event = CallEvent { id, what };
            loop {
                match self.events.send_timeout(event, Duration::from_millis(20)) {
                    Err(SendTimeoutError::Timeout(back)) if !stopped() => event = back,
                    _ => break,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::bounded;
    use symphony_ecs_core::ids::RunSlot;
    use symphony_ecs_core::ports::CallOutcome;

    const CALL: CallId = CallId { run: RunSlot(0), serial: 1 };

    #[test]
    fn a_full_channel_keeps_room_for_ends_and_chunks_wait() {
        let (events, received) = bounded(8);
        let now = Instant::now();
        let mut reports = Reports::new(events, now);
        reports.begin(CALL, Vec::new());
        for round in 0..20u32 {
            reports.chunk("text".into(), "ab");
            reports.flush(now + CHUNKS_EVERY * round);
        }
        assert_eq!(received.len(), 6, "a quarter is kept");
        reports.end(CALL, CallWhat::Done(CallOutcome::default()), || false);
        let text: String = received
            .try_iter()
            .filter_map(|event| match event.what {
                CallWhat::Chunk { text, .. } => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(text, "ab".repeat(20), "no piece is lost");
    }

    #[test]
    fn log_floods_are_counted_and_progress_is_overwritten() {
        let (events, received) = bounded(1000);
        let now = Instant::now();
        let mut reports = Reports::new(events, now);
        reports.begin(CALL, vec!["hunter22".into()]);
        for line in 0..10_000 {
            reports.log("info", &format!("line {line} hunter22"), now);
            reports.progress(Some(0.5), None);
            reports.flush(now);
        }
        reports.end(CALL, CallWhat::Done(CallOutcome::default()), || false);
        let events: Vec<CallWhat> = received.try_iter().map(|event| event.what).collect();
        assert_eq!(events.len(), LOG_BURST as usize + 3);
        assert!(matches!(&events[0], CallWhat::Log { message, .. } if message == "line 0 •••"));
        assert!(matches!(&events[events.len() - 2], CallWhat::Log { message, .. } if message.starts_with("9900 log")));
    }
}
