//! Requests: what a player is told of one attempt.

use super::values::Scope;
use super::{FlightKind, Run, is_reconstruction, settings};
use std::sync::Arc;
use std::time::Duration;
use symphony_ecs_core::clock::Time;
use symphony_ecs_core::ids::{BlockId, CallId, Row};
use symphony_ecs_core::melody::model::Limits;
use symphony_ecs_core::ports::{CallRequest, Operation};
use symphony_ecs_core::score::Action;
use symphony_ecs_core::value::{Digest, Value};
use symphony_pit::dag::Block;

impl Run {
    /// The request of a row's attempt; the error says which input came to nothing.
    pub(crate) fn request(
        &self,
        id: CallId,
        block: &Block,
        row: Row,
        attempt: u32,
        choice: u32,
    ) -> Result<CallRequest, String> {
        let spec = block.score.spec(row);
        if let (Some(reconstruct), true) = (&spec.reconstruct, is_reconstruction(choice)) {
            let with = reconstruct.with.iter().map(|(name, setting)| (Arc::clone(name), settings::as_value(setting)));
            let operation = Arc::clone(&reconstruct.operation);
            return Ok(CallRequest {
                inputs: present(&reconstruct.input_names, Self::reconstruct_inputs(block, row)?),
                settings: with.collect(),
                outputs: Arc::clone(&spec.outputs),
                ..self.bare_request(id, operation, self.path(block, row), attempt, &spec.limits)
            });
        }
        let operation = match &spec.action {
            Action::Call(players) => players.get(choice as usize).or(players.last()),
            Action::Function(operation, _) => Some(operation),
            _ => None,
        };
        let operation = operation.ok_or("the node has no player")?;
        let mut values = Vec::new();
        Scope::of(block).inputs(row, &mut values).map_err(|why| why.0)?;
        let tries = self.tries.get(&(block.id, row)).copied().unwrap_or(0);
        let path = self.path(block, row);
        Ok(CallRequest {
            inputs: present(&spec.input_names, values),
            settings: settings::for_attempt(spec, tries + 1),
            outputs: Arc::clone(&spec.outputs),
            ..self.bare_request(id, Arc::clone(operation), path, attempt, &spec.limits)
        })
    }

    /// The request of an undo.
    pub(crate) fn undo_request(&self, id: CallId, index: u32) -> Option<CallRequest> {
        let place = *self.halting.as_ref()?.undoing.as_ref()?.get(index as usize)?;
        let entry = self.undo_log.get(place)?;
        let undo = self.undo_spec(entry)?;
        let with = undo.with.iter().map(|(name, setting)| (Arc::clone(name), settings::as_value(setting)));
        Some(CallRequest {
            inputs: present(&undo.input_names, entry.inputs.clone()),
            settings: with.collect(),
            outputs: undo.operation.outputs.iter().filter(|port| !port.required).cloned().collect(),
            ..self.bare_request(id, Arc::clone(&undo.operation), format!("{}.undo", entry.path), 1, &Limits::default())
        })
    }

    fn bare_request(
        &self,
        id: CallId,
        operation: Arc<Operation>,
        path: String,
        attempt: u32,
        limits: &Limits,
    ) -> CallRequest {
        let seed = seed_of(self.seed, &path, attempt);
        CallRequest {
            id,
            idempotency_key: format!("{}/{path}/{attempt}", self.id),
            path,
            attempt,
            inputs: Vec::new(),
            settings: Vec::new(),
            outputs: Arc::from([]),
            timeout: limits.timeout.or(operation.timeout),
            mem: limits.mem,
            cpu: limits.cpu,
            seed,
            operation,
        }
    }

    /// How long a call is thought to take.
    pub(crate) fn estimate(&self, kind: FlightKind) -> Duration {
        match kind {
            FlightKind::Row(block, row) => {
                self.block(block).map_or(Duration::ZERO, |block| block.score.spec(row).estimate)
            }
            FlightKind::Undo(_) | FlightKind::Orphan => Duration::ZERO,
        }
    }

    /// Rows that only take time begin to (virtual clock).
    pub(crate) fn pause(&mut self, span: Duration, block: BlockId, begun: &[Row]) {
        let at = self.now.after(span);
        let begun = begun.iter().map(|row| row.0);
        match self.pauses.iter_mut().rev().take(8).find(|(then, id, _)| (*then, *id) == (at, block)) {
            Some((_, _, rows)) => rows.extend(begun),
            None => {
                let mut rows = self.scratch.rows.pop().unwrap_or_default();
                rows.extend(begun);
                self.pauses.push((at, block, rows));
            }
        }
    }

    /// Pauses that began in this frame: (end, block, rows).
    pub(crate) fn take_pauses(&mut self) -> Vec<(Time, BlockId, Vec<u32>)> {
        std::mem::take(&mut self.pauses)
    }
}

fn present(names: &[Arc<str>], values: Vec<Value>) -> Vec<(Arc<str>, Value)> {
    let named = names.iter().map(Arc::clone).zip(values);
    named.filter(|(_, value)| value.is_present()).collect()
}

/// Seed of one attempt: equal for equal (run seed, path, attempt), on every machine.
fn seed_of(seed: u64, path: &str, attempt: u32) -> u64 {
    let digest = Digest::of(format!("{seed}/{path}/{attempt}").as_bytes());
    u64::from_le_bytes(std::array::from_fn(|place| digest.0[place]))
}
