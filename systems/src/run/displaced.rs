//! Giving way: a call that plays is stopped for a more valuable one, and its row begins again.

use super::{Answer, FlightKind, Outgoing, Run};
use symphony_ecs_core::clock::ClockKind;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::Then;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Usage};
use symphony_pit::dag::Columns;

impl Run {
    /// Stops the call of a row and lets the row begin again at once; false if it does not play.
    pub(crate) fn displace(&mut self, columns: &mut Columns<'_>, id: BlockId, row: Row, why: String) -> bool {
        if self.halting.is_some() || self.is_over() {
            return false;
        }
        let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { return false };
        let plays = columns.status[block.at(row)] == Status::Running;
        if plays {
            self.recall(id, row);
            let failure =
                CallFailure { class: ErrorClass::Cancelled, message: why, retry_after: None, usage: Usage::default() };
            let choice = u32::from(columns.choice[block.at(row)].0);
            self.fault(columns, &mut block, row, &failure, Then::Retry { at: self.now, choice });
        }
        self.blocks[id.0 as usize] = Some(block);
        plays
    }

    /// Takes a call back that has not left, or asks it to stop.
    fn recall(&mut self, id: BlockId, row: Row) {
        let unsent = self
            .outbox
            .iter()
            .position(|(_, what)| matches!(what, Outgoing::Call(of, at, _) if (*of, *at) == (id, row)));
        if let Some(place) = unsent
            && let Some((_, Outgoing::Call(_, _, reservation))) = self.outbox.remove(place)
        {
            self.budget.settle(reservation, Usage::default());
            return;
        }
        let flight = self.flights.iter_mut().find(|(_, flight)| flight.kind == FlightKind::Row(id, row));
        let Some((serial, flight)) = flight else { return };
        // What it held comes back when it has stopped; what it cost still counts.
        flight.kind = FlightKind::Orphan;
        let (serial, frame) = (*serial, self.frame);
        match self.clock {
            ClockKind::Real => self.outbox.push_back((frame, Outgoing::Cancel(serial))),
            ClockKind::Virtual => self.answers.push(Answer { serial, result: Err(super::halting::stopped()) }),
        }
    }
}
