//! Calls in flight: requests that left for the stage, and what their answers do.

use super::values::pass_gate;
use super::{CallResult, FailedAttempt, Run};
use symphony_ecs_core::components::Status;
use symphony_ecs_core::identity::CallIdentity;
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, CallOutcome, Port, Usage};
use symphony_ecs_core::types::{PortType, Schemas};
use symphony_ecs_core::value::Value;
use symphony_pit::arbitration::{ONE, Reservation};
use symphony_pit::dag::{Block, Columns};

/// A call that left.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    /// What for.
    pub kind: FlightKind,
    /// What was set aside for it.
    pub reservation: Reservation,
    /// What its result is kept under, if it is.
    pub identity: Option<CallIdentity>,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlightKind {
    /// An attempt of a row.
    Row(BlockId, Row),
    /// The undo with this place in the order of undoing.
    Undo(u32),
    /// A row that nobody waits for any more; only its cost still counts.
    Orphan,
}

/// What leaves for the stage once its frame is committed.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing {
    /// An attempt of a row.
    Call(BlockId, Row, Reservation),
    /// An undo.
    Undo(u32, Reservation),
    /// Stop this call.
    Cancel(u64),
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Which call.
    pub serial: u64,
    /// The result.
    pub result: CallResult,
}

impl Run {
    /// Takes in everything that came back.
    pub(crate) fn take_answers(&mut self, columns: &mut Columns<'_>) {
        for Answer { serial, result } in std::mem::take(&mut self.answers) {
            let Some(flight) = self.flights.remove(&serial) else { continue };
            let usage = match &result {
                Ok(outcome) => outcome.usage,
                Err(failure) => failure.usage,
            };
            // Who was stopped or is not waited for says nothing about its player.
            let quality = match flight.kind {
                FlightKind::Row(..) if self.halting.is_none() => Some(if result.is_ok() { ONE } else { 0 }),
                _ => None,
            };
            self.budget.settle_as(flight.reservation, usage, quality);
            match flight.kind {
                FlightKind::Orphan => {}
                FlightKind::Undo(index) => self.undo_ended(index, result.err().map(|failure| failure.message), usage),
                FlightKind::Row(id, row) => {
                    let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { continue };
                    if columns.status[block.at(row)] == Status::Running {
                        self.row_answered(columns, &mut block, row, result, flight.identity);
                    }
                    self.blocks[id.0 as usize] = Some(block);
                    self.dirty.push_back(id);
                }
            }
        }
    }

    fn row_answered(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        result: CallResult,
        identity: Option<CallIdentity>,
    ) {
        let fitted = result.and_then(|outcome| fit_outcome(block, row, outcome));
        match fitted {
            Ok((mut outputs, usage)) => {
                self.keep(identity, &outputs);
                self.finish(columns, block, row, &mut outputs, usage);
            }
            Err(_) if self.halting.is_some() => self.stop(columns, block, row),
            Err(failure) => self.failures.push(FailedAttempt { block: block.id, row, failure, last: false }),
        }
    }

    /// Rows that finish together without outputs (virtual clock).
    pub(crate) fn batch_over(&mut self, columns: &mut Columns<'_>, id: BlockId, mut rows: Vec<u32>) {
        self.budget.land(rows.len() as u32);
        let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { return };
        if self.halting.is_none() {
            self.finish_plain(columns, &mut block, &rows);
            self.dirty.push_back(id);
        } else {
            rows.retain(|row| columns.status[block.at(Row(*row))] == Status::Running);
            for row in &rows {
                self.stop(columns, &mut block, Row(*row));
            }
        }
        if self.scratch.rows.len() < 8 {
            rows.clear();
            self.scratch.rows.push(rows);
        }
        self.blocks[id.0 as usize] = Some(block);
    }

    /// Calls of a block are stopped and nobody waits for them any more.
    pub(crate) fn orphan_flights(&mut self, id: BlockId) {
        let mut serials: Vec<u64> = Vec::new();
        for (serial, flight) in &mut self.flights {
            if matches!(flight.kind, FlightKind::Row(block, _) if block == id) {
                flight.kind = FlightKind::Orphan;
                serials.push(*serial);
            }
        }
        serials.sort_unstable();
        let frame = self.frame;
        self.outbox.extend(serials.into_iter().map(|serial| (frame, Outgoing::Cancel(serial))));
    }

    /// A recorded event says that the row finished (replay).
    pub(crate) fn replay_played(
        &mut self,
        columns: &mut Columns<'_>,
        block: &mut Block,
        row: Row,
        mut outputs: Vec<Value>,
        usage: Usage,
    ) {
        self.budget.book(usage);
        self.finish(columns, block, row, &mut outputs, usage);
    }
}

/// A row's outputs in the order of its ports, checked against their types and by its gate.
fn fit_outcome(block: &Block, row: Row, outcome: CallOutcome) -> Result<(Vec<Value>, Usage), CallFailure> {
    let spec = block.score.spec(row);
    let mut outputs = Vec::with_capacity(spec.outputs.len());
    for port in spec.outputs.iter() {
        let given = outcome.outputs.iter().find(|(name, _)| *name == port.name).map(|(_, value)| value);
        let value = given.unwrap_or(&Value::Absent);
        outputs.push(fit(port, value, &block.score.schemas).map_err(|mut failure| {
            failure.usage = outcome.usage;
            failure
        })?);
    }
    match pass_gate(&block.score, spec, &outputs) {
        Ok(()) => Ok((outputs, outcome.usage)),
        Err(failure) => Err(CallFailure { usage: outcome.usage, ..failure }),
    }
}

/// Checks (and widens) a value at the player's border.
pub(crate) fn fit(port: &Port, value: &Value, schemas: &Schemas) -> Result<Value, CallFailure> {
    let invalid = |message: String| CallFailure {
        class: ErrorClass::InvalidOutput,
        message,
        retry_after: None,
        usage: Usage::default(),
    };
    if !value.is_present() {
        return match port.required && !port.ty.may_be_absent() && port.ty != PortType::Any {
            true => Err(invalid(format!("the player gave no output `{}`", port.name))),
            false => Ok(Value::Absent),
        };
    }
    port.ty.check_value(value, schemas).map_err(|error| invalid(format!("output `{}`: {error}", port.name)))
}

/// Whether a value fits its port without a closer look: the common cases of the hot path.
pub(crate) fn fits_at_a_glance(ty: &PortType, value: &Value) -> bool {
    matches!(
        (ty, value),
        (PortType::Any, _)
            | (PortType::Int, Value::Int(_))
            | (PortType::Float, Value::Float(_))
            | (PortType::Bool, Value::Bool(_))
            | (PortType::Text, Value::Text(_))
    )
}
