//! The failure ladder: retry → fallback → `on_error`. The conductor says how far up the ladder a failure goes; this
//! file does it.

use super::{FailedAttempt, Run, is_reconstruction};
use std::sync::Arc;
use symphony_ecs_core::components::Status;
use symphony_ecs_core::events::{RunStatus, SkipReason, Then};
use symphony_ecs_core::ids::{BlockId, Row};
use symphony_ecs_core::melody::model::OnError;
use symphony_ecs_core::ports::{AttemptFailure, CallFailure, ConductorPort, Verdict};
use symphony_ecs_core::score::Action;
use symphony_pit::dag::{Block, Columns};

impl Run {
    /// Decides what becomes of the attempts that failed in this frame. A body that fails with them fails its node in
    /// the same frame, so that no journal ends between the two.
    pub(crate) fn judge(&mut self, columns: &mut Columns<'_>, conductor: &mut dyn ConductorPort) {
        loop {
            while !self.failures.is_empty() {
                self.judge_each(columns, conductor);
            }
            if !self.begin_reconstructions(columns) {
                return;
            }
        }
    }

    fn judge_each(&mut self, columns: &mut Columns<'_>, conductor: &mut dyn ConductorPort) {
        for FailedAttempt { block: id, row, mut failure, last } in std::mem::take(&mut self.failures) {
            let Some(mut block) = self.blocks.get_mut(id.0 as usize).and_then(Option::take) else { continue };
            if columns.status[block.at(row)].is_over() {
                // It was stopped with its body in the meantime.
            } else if self.halting.is_some() {
                self.stop(columns, &mut block, row);
            } else {
                let score = Arc::clone(&block.score);
                let spec = score.spec(row);
                let choice = u32::from(columns.choice[block.at(row)].0);
                let choices = match &spec.action {
                    Action::Call(players) => players.len() as u32,
                    _ => 1,
                };
                let tries = self.tries.get(&(id, row)).copied().unwrap_or(0);
                let view = AttemptFailure {
                    failure: &failure,
                    attempts: tries + 1,
                    choice,
                    choices,
                    retry: spec.retry.as_deref(),
                };
                let reconstructed = is_reconstruction(choice);
                let verdict = if last || reconstructed { Verdict::GiveUp } else { conductor.after_failure(&view) };
                let then = match verdict {
                    Verdict::Retry(after) => {
                        let wait = after.max(failure.retry_after.unwrap_or_default());
                        Then::Retry { at: self.now.after(wait), choice }
                    }
                    Verdict::Fallback => Then::Retry { at: self.now, choice: choice + 1 },
                    Verdict::GiveUp if spec.reconstruct.is_some() && !last && !reconstructed => Then::Reconstruct,
                    Verdict::GiveUp => Then::Stop,
                };
                Self::name_reconstruction(choice, &mut failure);
                self.fault(columns, &mut block, row, &failure, then);
                if then == Then::Stop {
                    self.give_up(columns, &mut block, row, &failure);
                    self.blocks[id.0 as usize] = Some(block);
                    self.pass_on_failure(columns, id, row, &failure);
                    self.dirty.push_back(id);
                    continue;
                }
            }
            self.blocks[id.0 as usize] = Some(block);
            self.dirty.push_back(id);
        }
    }

    /// A row of a body failed for good; if nothing says what then, its body fails with it.
    pub(crate) fn pass_on_failure(&mut self, columns: &mut Columns<'_>, id: BlockId, row: Row, failure: &CallFailure) {
        let Some(block) = self.block(id) else { return };
        let alone = matches!(block.score.spec(row).on_error, OnError::Fail | OnError::Reconstruct);
        if let (true, None, Some(parent), Status::Failed) =
            (alone, &self.halting, block.parent, columns.status[block.at(row)])
        {
            let message = format!("in `{}`: {}", block.score.id(row), failure.message);
            self.body_failed(columns, parent, failure.class, message);
        }
    }

    /// What `on_error` says.
    pub(crate) fn give_up(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row, failure: &CallFailure) {
        let on_error = block.score.spec(row).on_error;
        if on_error == OnError::Skip {
            return self.skip(columns, block, row, SkipReason::Forgiven(failure.class));
        }
        self.fail(columns, block, row, failure.class, &failure.message);
        let reason = format!("`{}` failed ({}): {}", self.path(block, row), failure.class, failure.message);
        match on_error {
            OnError::Skip => {}
            OnError::Halt => self.halt(RunStatus::Halted, reason, false),
            OnError::Compensate => self.halt(RunStatus::Halted, reason, true),
            OnError::Fail | OnError::Reconstruct if block.parent.is_some() => {}
            OnError::Fail | OnError::Reconstruct => self.halt(RunStatus::Failed, reason, false),
        }
    }
}
