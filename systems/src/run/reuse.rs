//! Reuse: a row whose call finished before takes over its result instead of playing.
//!
//! A call is looked up when its row becomes ready, and its result is kept when it is done. What is kept and where it
//! lives is behind [`ReusePort`](symphony_ecs_core::ports::ReusePort); a run without it plays everything.

use super::Run;
use super::flights::fit;
use super::values::{Scope, pass_gate};
use crate::options::{ReuseRule, Reusing};
use std::sync::Arc;
use symphony_ecs_core::events::Place;
use symphony_ecs_core::identity::{Around, CallIdentity, identity_of, part_of};
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::ports::{FinishedCall, Operation, Reuse};
use symphony_ecs_core::score::{Action, NodeSpec, Score};
use symphony_ecs_core::value::Value;
use symphony_pit::dag::{Block, Columns};

/// What a look into the results came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// The row took over a result and is over.
    Reused,
    /// It plays; if it is a first attempt, its result is kept under this identity.
    Plays(Option<CallIdentity>),
}

impl Run {
    /// Lets a row that is about to play take over the result of an equal call, if there is one and it may.
    pub(crate) fn look_up(&mut self, columns: &mut Columns<'_>, block: &mut Block, row: Row) -> Looked {
        let Some(reusing) = self.reusing.clone() else { return Looked::Plays(None) };
        // A second attempt was asked for because the first one came to nothing.
        if columns.attempt[block.at(row)].0 > 0 {
            return Looked::Plays(None);
        }
        let score = Arc::clone(&block.score);
        let spec = score.spec(row);
        let Some(operation) = first_choice(spec) else { return Looked::Plays(None) };
        let mut inputs = Vec::new();
        if Scope::of(block).inputs(row, &mut inputs).is_err() {
            return Looked::Plays(None);
        }
        let named = spec.input_names.iter().map(|name| &**name).zip(&inputs);
        let identity = self.identity(&reusing, block, spec, operation, named);
        if !self.may_reuse(&reusing, block, row, operation) {
            return Looked::Plays(Some(identity));
        }
        match reusing.results.find(&identity).and_then(|found| fitting(&score, row, found)) {
            Some(FinishedCall { run, mut outputs }) => {
                self.reuse(columns, block, row, &mut outputs, run);
                Looked::Reused
            }
            None => Looked::Plays(Some(identity)),
        }
    }

    /// The identity of a row's call with these inputs, if its result is to be kept.
    pub(crate) fn identity_of_call<'a>(
        &self,
        block: &Block,
        row: Row,
        inputs: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> Option<CallIdentity> {
        let reusing = self.reusing.as_deref()?;
        let spec = block.score.spec(row);
        Some(self.identity(reusing, block, spec, first_choice(spec)?, inputs))
    }

    /// Keeps the result of a call.
    pub(crate) fn keep(&self, call: Option<CallIdentity>, outputs: &[Value]) {
        if let (Some(call), Some(reusing)) = (call, &self.reusing) {
            reusing.results.keep(&call, FinishedCall { run: self.id.clone(), outputs: outputs.to_vec() });
        }
    }

    fn identity<'a>(
        &self,
        reusing: &Reusing,
        block: &Block,
        spec: &NodeSpec,
        operation: &Operation,
        inputs: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> CallIdentity {
        let part = part_of(operation, &spec.with, spec.retry.as_deref(), &spec.outputs);
        // A function of this process draws nothing.
        let seed = reusing.seed.filter(|_| !operation.in_process);
        identity_of(part, operation.reuse, inputs, &self.around(block), seed)
    }

    /// Numbers of the bodies around a block's rows, the nearest first.
    fn around(&self, block: &Block) -> Vec<Around> {
        let mut around = Vec::new();
        let mut at = Some(block);
        while let Some(block) = at {
            match block.place {
                Place::Root | Place::Nested => {}
                Place::Loop => around.push(Around::Iteration(block.iteration)),
                Place::Item(item) => around.push(Around::Item(item)),
            }
            at = block.parent.and_then(|parent| self.find(parent.block));
        }
        around
    }

    /// Whether a row may take over a result: the run's rule for the node of the melody in which it plays, then what the
    /// nodes around it say, then what its player says.
    fn may_reuse(&self, reusing: &Reusing, block: &Block, row: Row, operation: &Operation) -> bool {
        let own = block.score.spec(row);
        let mut never = false;
        let (mut block, mut row) = (block, row);
        while let Some(parent) = block.parent {
            let Some(above) = self.find(parent.block) else { return false };
            (block, row) = (above, parent.row);
            never |= above.score.spec(row).reuse == Some(false);
        }
        match reusing.rules.get(row.ix()).copied().unwrap_or_default() {
            ReuseRule::Anew => false,
            ReuseRule::Finished => true,
            // What must be undone when things go wrong was a change of the world.
            ReuseRule::Clean => !never && own.reuse.unwrap_or(operation.reuse != Reuse::Never && own.undo.is_none()),
        }
    }
}

/// The operation whose result counts: a fallback's stands in for it in its own run only.
pub(crate) fn first_choice(spec: &NodeSpec) -> Option<&Operation> {
    match &spec.action {
        Action::Call(players) => players.first().map(|player| &**player),
        Action::Function(operation, _) => Some(operation),
        Action::Pause(_) | Action::Nested(_) | Action::Loop(_) | Action::Map(_) => None,
    }
}

/// A result, if it still has the outputs that the row declares and passes its gate: schemas and gates may have changed.
fn fitting(score: &Score, row: Row, found: FinishedCall) -> Option<FinishedCall> {
    let ports = &score.spec(row).outputs;
    if found.outputs.len() != ports.len() || score.slots(row).len() != ports.len() {
        return None;
    }
    let outputs = ports.iter().zip(&found.outputs).map(|(port, value)| fit(port, value, &score.schemas).ok());
    let outputs: Vec<Value> = outputs.collect::<Option<_>>()?;
    pass_gate(score, score.spec(row), &outputs).ok()?;
    Some(FinishedCall { run: found.run, outputs })
}
