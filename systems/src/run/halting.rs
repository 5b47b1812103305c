//! Halting: the run plays nothing new, stops what plays, undoes what was completed if it compensates, and ends.

use super::{FlightKind, Outgoing, Run};
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::events::{Event, RunStatus, What};
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Usage};
use symphony_pit::dag::Columns;

/// How far a halting run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halting {
    /// How it will end.
    pub status: RunStatus,
    /// Why.
    pub reason: String,
    /// Whether completed work is undone first.
    pub compensate: bool,
    /// Places in the undo log in the order of undoing, once what played has stopped.
    pub(crate) undoing: Option<Vec<usize>>,
    /// Undos that are over.
    pub(crate) undone: u32,
    /// Whether the next undo is on its way.
    pub(crate) undo_begun: bool,
}

impl Run {
    /// Begins to halt. A run that halts already goes on as it began.
    pub(crate) fn halt(&mut self, status: RunStatus, reason: String, compensate: bool) {
        if self.halting.is_some() || self.is_over() {
            return;
        }
        self.emit(|| Event::Halting { status, reason: reason.clone(), compensate });
        self.note(|| (None, What::RunHalting { status, reason: reason.clone() }));
        self.halting = Some(Halting { status, reason, compensate, undoing: None, undone: 0, undo_begun: false });
        let calls = self.flights.iter().filter(|(_, flight)| matches!(flight.kind, FlightKind::Row(..)));
        let mut serials: Vec<u64> = calls.map(|(serial, _)| *serial).collect();
        serials.sort_unstable();
        for serial in serials {
            match self.clock {
                ClockKind::Real => self.outbox.push_back((self.frame, Outgoing::Cancel(serial))),
                ClockKind::Virtual => self.answers.push(super::Answer { serial, result: Err(stopped()) }),
            }
        }
    }

    /// Goes on halting when nothing plays any more; called once a frame.
    pub(crate) fn go_on_halting(&mut self, columns: &mut Columns<'_>) {
        if self.halting.is_none() || self.is_over() {
            return;
        }
        self.stop_unsent(columns);
        let waiting = |kind: FlightKind| matches!(kind, FlightKind::Row(..) | FlightKind::Undo(_));
        if !self.answers.is_empty()
            || !self.failures.is_empty()
            || self.flights.values().any(|flight| waiting(flight.kind))
        {
            return;
        }
        let Some(halting) = &self.halting else { return };
        if halting.undoing.is_none() {
            let ids: Vec<_> = self.blocks().map(|block| block.id).collect();
            for id in ids {
                if let Some(mut block) = self.blocks[id.0 as usize].take() {
                    self.stop_active(columns, &mut block);
                    self.blocks[id.0 as usize] = Some(block);
                }
            }
            let order = if self.halting.as_ref().is_some_and(|halting| halting.compensate) {
                self.undo_order()
            } else {
                Vec::new()
            };
            if let Some(halting) = &mut self.halting {
                halting.undoing = Some(order);
            }
        }
        if !self.undo_next() {
            let status = self.halting.as_ref().map_or(RunStatus::Halted, |halting| halting.status);
            self.end(status, Vec::new());
        }
    }

    /// Calls that were decided but have not left are not sent any more.
    fn stop_unsent(&mut self, columns: &mut Columns<'_>) {
        let unsent: Vec<_> = self
            .outbox
            .iter()
            .filter_map(|(_, what)| match what {
                Outgoing::Call(block, row, reservation) => Some((*block, *row, *reservation)),
                Outgoing::Undo(..) | Outgoing::Cancel(_) => None,
            })
            .collect();
        self.outbox.retain(|(_, what)| !matches!(what, Outgoing::Call(..)));
        for (id, row, reservation) in unsent {
            self.budget.settle(reservation, Usage::default());
            if let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) {
                if !columns.status[block.at(row)].is_over() {
                    self.stop(columns, &mut block, Row(row.0));
                }
                self.blocks[id.0 as usize] = Some(block);
            }
        }
    }
}

pub(super) fn stopped() -> CallFailure {
    CallFailure { class: ErrorClass::Cancelled, message: "stopped".into(), retry_after: None, usage: Usage::default() }
}
