//! Reconstruction: a node whose ladder is exhausted obtains its outputs from other results, by its inverse operator.
//!
//! It is an attempt like any other: started, journaled, charged and repeated after a kill. It only begins later, when
//! everything that it takes is over. None of that comes after the node, so it never waits for itself.

use super::values::{AbsentInput, Scope};
use super::{Run, notices};
use symphony_ecs_core::components::{Choice, Status};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{CallFailure, Candidate, Usage};
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Block, Columns};

/// Why a row's own players came to nothing.
pub(crate) type Cause = (ErrorClass, String);

impl Run {
    /// Whether a row plays, or is about to play, its reconstruction.
    pub(crate) fn reconstructs(columns: &Columns<'_>, block: &Block, row: Row) -> bool {
        columns.choice[block.at(row)] == Choice::RECONSTRUCTION
    }

    /// The values of the inputs of a row's reconstruction, in the order of their names.
    pub(crate) fn reconstruct_inputs(block: &Block, row: Row) -> Result<Vec<Value>, String> {
        let Some(spec) = &block.score.spec(row).reconstruct else { return Err("it has no `reconstruct`".to_owned()) };
        let scope = Scope::of(block);
        let value = |(name, gather)| {
            scope.gather(gather).map_err(|AbsentInput(why)| format!("input `{name}` of `reconstruct`: {why}"))
        };
        spec.input_names.iter().zip(&spec.inputs).map(value).collect()
    }

    /// Lets reconstructions begin for which everything is over that they take; those that lack something fail. Says
    /// whether anything failed.
    pub(crate) fn begin_reconstructions(&mut self, columns: &mut Columns<'_>) -> bool {
        if self.reconstructions.is_empty() || self.halting.is_some() {
            return false;
        }
        let is_due = |(id, row): &&(BlockId, Row)| {
            self.block(*id).is_some_and(|block| {
                let waits = block.score.spec(*row).reconstruct.iter().flat_map(|spec| &spec.waits);
                waits.copied().all(|before| columns.status[block.at(Row(before))].is_over())
            })
        };
        let due: Vec<_> = self.reconstructions.keys().filter(is_due).copied().collect();
        let mut failed = false;
        for (id, row) in due {
            let Some((class, message)) = self.reconstructions.remove(&(id, row)) else { continue };
            let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { continue };
            match Self::reconstruct_inputs(&block, row) {
                _ if columns.status[block.at(row)] != Status::Backoff => {}
                Ok(_) => self.ready_to_reconstruct(columns, &block, row),
                Err(why) => {
                    failed = true;
                    let message = format!("{message}; it could not be reconstructed: {why}");
                    let failure = CallFailure { class, message, retry_after: None, usage: Usage::default() };
                    self.give_up(columns, &mut block, row, &failure);
                    self.blocks[id.0 as usize] = Some(block);
                    self.pass_on_failure(columns, id, row, &failure);
                    self.dirty.push_back(id);
                    continue;
                }
            }
            self.blocks[id.0 as usize] = Some(block);
        }
        failed
    }

    /// The reconstruction of a row waits for room from now on.
    pub(crate) fn ready_to_reconstruct(&mut self, columns: &mut Columns<'_>, block: &Block, row: Row) {
        columns.status[block.at(row)] = Status::Ready;
        self.candidates.push(Candidate { block: block.id, row, rank: block.score.rank[row.ix()] });
    }

    /// The newest attempt of a row is a reconstruction that failed: the failure says so.
    pub(crate) fn name_reconstruction(choice: u32, failure: &mut CallFailure) {
        if notices::is_reconstruction(choice) {
            failure.message = format!("its reconstruction failed: {}", failure.message);
        }
    }
}
