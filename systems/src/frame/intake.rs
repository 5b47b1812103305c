//! Intake: what came in since the last frame — commits, answers of the stage, the time.

use crate::pools::PoolKeeper;
use crate::run::{Alarm, Answer, FlightKind, Run};
use crate::runs::Runs;
use crate::stage::Stage;
use bevy_ecs::prelude::*;
use std::cmp::Reverse;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::events::What;
use symphony_ecs_core::ports::{CallEvent, CallWhat};

/// Answers taken in per frame at most, so that a flood does not hold the frame up.
const MOST: usize = 4096;

pub(super) fn intake(mut runs: ResMut<Runs>, mut stage: ResMut<Stage>, mut pools: ResMut<PoolKeeper>) {
    for seat in runs.iter_mut() {
        let mut news = Vec::new();
        if let Some(journal) = seat.journal() {
            news.extend(journal.committed().try_iter());
        }
        for news in news {
            match news {
                Ok(frame) => seat.run.committed = seat.run.committed.max(frame + 1),
                Err(error) => seat.broken = seat.broken.take().or(Some(error)),
            }
        }
        seat.tick();
        let run = &mut seat.run;
        if run.clock == ClockKind::Virtual && !run.is_over() && run.is_quiet() && run.outbox.is_empty() {
            // Nothing is left to do at this moment: time jumps to the next one at which something happens.
            if let Some(next) = run.next_timer() {
                run.now = run.now.max(next);
            }
        }
        while run.timers.peek().is_some_and(|Reverse(timer)| timer.at <= run.now) {
            if let Some(Reverse(timer)) = run.timers.pop() {
                match timer.what {
                    Alarm::Answer(answer) => run.answers.push(*answer),
                    other => run.alarms.push(other),
                }
            }
        }
    }
    let events = stage.events(MOST);
    pools.follow(&mut stage);
    if !events.is_empty() {
        // Something came back, so the stage may have room again: for every run, not only for the one that is told.
        runs.iter_mut().for_each(|seat| seat.stalled = false);
    }
    for event in events {
        pools.heard(event.id.serial, &event.what);
        if let Some(seat) = runs.get_mut(event.id.run) {
            take_in(&mut seat.run, event);
        }
    }
}

fn take_in(run: &mut Run, event: CallEvent) {
    let serial = event.id.serial;
    let what = match event.what {
        CallWhat::Done(outcome) => return run.answers.push(Answer { serial, result: Ok(outcome) }),
        CallWhat::Failed(failure) => return run.answers.push(Answer { serial, result: Err(failure) }),
        CallWhat::Progress { fraction, message } => What::Progress { fraction, message },
        CallWhat::Chunk { port, text } => What::Chunk { port, text },
        CallWhat::Log { level, message } => What::Log { level, message },
    };
    if let Some(FlightKind::Row(block, row)) = run.flights.get(&serial).map(|flight| flight.kind) {
        let node = run.block(block).map(|block| run.path(block, row));
        run.mention(node, what);
    }
}
