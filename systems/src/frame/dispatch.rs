//! Dispatch: requests leave for the stage once the frame that decided them is committed.

use crate::pools::PoolKeeper;
use crate::run::{Alarm, Answer, FailedAttempt, Flight, FlightKind, Outgoing, Run};
use crate::runs::Runs;
use crate::stage::Stage;
use bevy_ecs::prelude::*;
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::ids::CallId;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, CallRequest, Usage};
use symphony_pit::dag::{Columns, NodeQuery};

/// Where requests go: the stage, with the pools that know its processes.
struct Out<'a> {
    stage: &'a mut Stage,
    pools: &'a mut PoolKeeper,
}

pub(super) fn dispatch(
    mut runs: ResMut<Runs>,
    mut stage: ResMut<Stage>,
    mut pools: ResMut<PoolKeeper>,
    nodes: Query<'_, '_, NodeQuery>,
) {
    let mut out = Out { stage: &mut stage, pools: &mut pools };
    let mut columns = Columns::of(nodes);
    let mut serial = runs.next_serial;
    for seat in runs.iter_mut().filter(|seat| seat.broken.is_none()) {
        for (at, block, rows) in seat.run.take_pauses() {
            seat.run.plan(at, Alarm::Batch(block, rows));
        }
        while !seat.stalled && seat.run.can_send() {
            let Some((frame, outgoing)) = seat.run.outbox.pop_front() else { break };
            serial += 1;
            if !send(&mut seat.run, &mut columns, &mut out, outgoing, serial) {
                seat.run.outbox.push_front((frame, outgoing));
                seat.stalled = true;
            }
        }
    }
    runs.next_serial = serial;
    // Not a system of its own: a frame that has no such runs pays a glance.
    out.pools.foresee(out.stage);
}

/// Sends one thing; false when the stage is full.
fn send(run: &mut Run, columns: &mut Columns<'_>, out: &mut Out<'_>, outgoing: Outgoing, serial: u64) -> bool {
    let id = CallId { run: run.slot, serial };
    match outgoing {
        Outgoing::Cancel(serial) => {
            out.stage.cancel(CallId { run: run.slot, serial });
            true
        }
        Outgoing::Undo(index, reservation) => match run.undo_request(id, index) {
            Some(request) => {
                let flight = Flight { kind: FlightKind::Undo(index), reservation, identity: None };
                hand_over(run, columns, out, request, flight)
            }
            None => {
                run.budget.settle(reservation, Usage::default());
                run.undo_ended(index, Some("its undo is unknown".to_owned()), Usage::default());
                true
            }
        },
        Outgoing::Call(block_id, row, reservation) => {
            let Some(block) = run.block(block_id) else {
                run.budget.settle(reservation, Usage::default());
                return true;
            };
            if columns.status[block.at(row)] != Status::Running {
                run.budget.settle(reservation, Usage::default());
                return true;
            }
            let at = block.at(row);
            match run.request(id, block, row, columns.attempt[at].0.into(), columns.choice[at].0.into()) {
                Ok(request) => {
                    let inputs = request.inputs.iter().map(|(name, value)| (&**name, value));
                    let first = columns.choice[at].0 == 0;
                    let identity = if first { run.identity_of_call(block, row, inputs) } else { None };
                    let kind = FlightKind::Row(block_id, row);
                    hand_over(run, columns, out, request, Flight { kind, reservation, identity })
                }
                Err(why) => {
                    run.budget.settle(reservation, Usage::default());
                    let failure = CallFailure {
                        class: ErrorClass::InvalidOutput,
                        message: why,
                        retry_after: None,
                        usage: Usage::default(),
                    };
                    run.failures.push(FailedAttempt { block: block_id, row, failure, last: false });
                    true
                }
            }
        }
    }
}

fn hand_over(run: &mut Run, columns: &Columns<'_>, out: &mut Out<'_>, request: CallRequest, flight: Flight) -> bool {
    let serial = request.id.serial;
    if run.clock == ClockKind::Virtual {
        let rehearsed = out.stage.rehearse(&request, run.estimate(flight.kind));
        let at = run.now.after(rehearsed.took);
        run.plan(at, Alarm::Answer(Box::new(Answer { serial, result: rehearsed.result })));
    } else if out.pools.follows(&request) {
        if out.pools.call(out.stage, request, run, columns, flight.kind).is_err() {
            return false;
        }
    } else if out.stage.call(request).is_err() {
        return false;
    }
    run.flights.insert(serial, flight);
    true
}
