//! Record: seals the frame's events as one blob and hands it to the journal.

use crate::record::FrameRecord;
use crate::runs::{Runs, Seat};
use bevy_ecs::prelude::*;

pub(super) fn record(mut runs: ResMut<Runs>) {
    for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
        seal(seat);
    }
}

fn seal(seat: &mut Seat) {
    let run = &mut seat.run;
    let frame = run.frame;
    let decided = run.outbox.back().is_some_and(|(made, _)| *made == frame);
    if run.events.is_empty() && !decided {
        // Nothing to keep; what was said belongs to the last sealed frame.
        if !run.notices.is_empty() {
            let said = std::mem::take(&mut run.notices);
            seat.outlet.push_back((frame.saturating_sub(1), said));
        }
        return;
    }
    let events = std::mem::take(&mut run.events);
    let notices = std::mem::take(&mut run.notices);
    if !notices.is_empty() {
        seat.outlet.push_back((frame, notices));
    }
    seat.run.frame += 1;
    let mut record = FrameRecord { time: seat.run.now, events };
    match seat.journal() {
        Some(journal) => {
            let blob = record.encode();
            let length = blob.len();
            match journal.append(frame, blob) {
                Ok(()) => seat.since_checkpoint += length,
                Err(error) => seat.broken = Some(error),
            }
        }
        None => {
            if seat.run.recording {
                seat.record.push(record.encode());
            }
            seat.run.committed = seat.run.frame;
        }
    }
    record.events.clear();
    seat.run.events = record.events;
}
