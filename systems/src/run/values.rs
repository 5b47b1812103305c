//! Gathering: obtaining the values of a row's inputs, conditions and outputs from its block.

use super::Run;
use std::sync::Arc;
use symphony_ecs_core::expr::{EvalError, Expr, Names, SETTINGS};
use symphony_ecs_core::ids::Row;
use symphony_ecs_core::melody::model::{ErrorClass, JoinKind};
use symphony_ecs_core::ports::{CallFailure, Usage};
use symphony_ecs_core::score::{Bind, CandidateFrom, Gather, NameFrom, NodeSpec, Score, Wanted};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;
use symphony_pit::dag::Block;

/// Buffers that are used again.
#[derive(Default)]
pub(crate) struct Scratch {
    pub inputs: Vec<Value>,
    pub results: Vec<Value>,
    /// Rows of a wave.
    pub wave: Vec<u32>,
    /// Rows of a wave that go the same way together.
    pub functions: Vec<Row>,
    /// Lists of rows that were paused and are over.
    pub rows: Vec<Vec<u32>>,
    /// A set of rows while they are put in order.
    pub words: Vec<u64>,
    /// Rows that pause, by how long.
    pub spans: Vec<(std::time::Duration, Vec<Row>)>,
}

/// Why an input came to nothing, in words.
#[derive(Debug)]
pub(crate) struct AbsentInput(pub String);

/// Where values are looked up: a block, and inside a map the item.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub block: &'a Block,
    pub item: Option<(&'a Value, u32)>,
}

impl<'a> Scope<'a> {
    /// A block's own scope.
    pub fn of(block: &'a Block) -> Self {
        Self { block, item: None }
    }

    /// Gathers the inputs of a row, in the order of its spec's input names.
    pub fn inputs(&self, row: Row, into: &mut Vec<Value>) -> Result<(), AbsentInput> {
        into.clear();
        let score = &*self.block.score;
        let (values, inputs) = (self.block.values.as_slice(), self.block.inputs.as_slice());
        let binds = score.binds(row);
        into.reserve(binds.len());
        for (place, bind) in binds.iter().enumerate() {
            let value = match bind {
                Bind::Slot(slot) => &values[*slot as usize],
                Bind::Input(input) => &inputs[*input as usize],
                Bind::Gather(gather) => {
                    into.push(
                        self.gather(&score.gathers[*gather as usize])
                            .map_err(|why| self.name_port(row, place, &why.0))?,
                    );
                    continue;
                }
            };
            if !value.is_present() && !self.may_be_absent(row, place) {
                return Err(self.name_port(row, place, "its producer gave nothing"));
            }
            into.push(value.clone());
        }
        Ok(())
    }

    fn may_be_absent(&self, row: Row, place: usize) -> bool {
        self.block.score.spec(row).input_types.get(place).is_some_and(takes_absent)
    }

    fn name_port(&self, row: Row, place: usize, why: &str) -> AbsentInput {
        let spec = self.block.score.spec(row);
        AbsentInput(format!("input `{}`: {why}", spec.input_names.get(place).map_or("?", |name| name)))
    }

    /// Obtains one value; absent only where that is allowed.
    pub fn gather(&self, gather: &Gather) -> Result<Value, AbsentInput> {
        let (value, wanted) = match gather {
            Gather::Literal(value) => return Ok(value.clone()),
            Gather::Item => return Ok(self.item.map(|(item, _)| item.clone()).unwrap_or_default()),
            Gather::Index => return Ok(self.item.map(|(_, index)| Value::Int(index.into())).unwrap_or_default()),
            Gather::Slot(slot, wanted) => (self.block.values.get(*slot as usize).cloned().unwrap_or_default(), wanted),
            Gather::Input(input, wanted) => {
                (self.block.inputs.get(*input as usize).cloned().unwrap_or_default(), wanted)
            }
            // What nobody waits for (an output of the melody) takes of an `all` what has come.
            Gather::Join(join, wanted) => (self.join(*join as usize, *wanted == Wanted::Lenient), wanted),
            Gather::Expr(expr, names, wanted) => match self.eval(expr, names) {
                Ok(value) => (value, wanted),
                Err(why) if *wanted == Wanted::Required => {
                    return Err(AbsentInput(format!("`{}`: {why}", expr.text())));
                }
                Err(_) => (Value::Absent, wanted),
            },
        };
        match (value.is_present(), wanted) {
            (true, _) | (false, Wanted::Lenient) => Ok(value),
            (false, Wanted::Default(default)) => Ok(default.clone()),
            (false, Wanted::Required) => Err(AbsentInput("its producer gave nothing".into())),
        }
    }

    /// Evaluates an expression over the block's values.
    pub fn eval(&self, expr: &Expr, names: &[(String, NameFrom)]) -> Result<Value, EvalError> {
        expr.eval(&Bound { scope: *self, names })
    }

    fn join(&self, join: usize, partly: bool) -> Value {
        let (Some(spec), Some(state)) = (self.block.score.joins.get(join), self.block.joins.get(join)) else {
            return Value::Absent;
        };
        let value = |candidate: &CandidateFrom| match candidate {
            CandidateFrom::Slot { slot, .. } => self.block.values[*slot as usize].clone(),
            CandidateFrom::Input(input) => self.block.inputs[*input as usize].clone(),
        };
        match spec.kind {
            JoinKind::FirstOf => spec.candidates.iter().map(value).find(Value::is_present).unwrap_or_default(),
            JoinKind::AnyOf => {
                state.winners.first().map(|first| value(&spec.candidates[*first as usize])).unwrap_or_default()
            }
            JoinKind::All => {
                let values: Vec<_> = spec.candidates.iter().map(value).filter(Value::is_present).collect();
                match partly || values.len() == spec.candidates.len() {
                    true => Value::list(values),
                    false => Value::Absent,
                }
            }
            JoinKind::NOf(n) => {
                let mut winners: Vec<u32> = state.winners.iter().copied().take(n as usize).collect();
                if winners.len() < n as usize {
                    return Value::Absent;
                }
                winners.sort_unstable();
                Value::list(winners.iter().map(|winner| value(&spec.candidates[*winner as usize])).collect())
            }
        }
    }
}

/// Whether a port says itself that it may be empty. `any` does not: a hard edge to it brings a value or none plays.
fn takes_absent(ty: &PortType) -> bool {
    match ty {
        PortType::Optional(_) => true,
        PortType::Union(members) => members.iter().any(takes_absent),
        _ => false,
    }
}

struct Bound<'a> {
    scope: Scope<'a>,
    names: &'a [(String, NameFrom)],
}

impl Names for Bound<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let (_, from) = self.names.iter().find(|(known, _)| known == name)?;
        match from {
            NameFrom::Row(row) => Some(outputs_as_map(self.scope.block, Row(*row))),
            NameFrom::Inputs => Some(inputs_as_map(&self.scope.block.score, &self.scope.block.inputs)),
            NameFrom::Item => self.scope.item.map(|(item, _)| item.clone()),
            NameFrom::Settings => Some(self.scope.block.score.settings.clone()),
            NameFrom::Index => self.scope.item.map(|(_, index)| Value::Int(index.into())),
        }
    }
}

/// The present outputs of a row, by port.
pub(crate) fn outputs_as_map(block: &Block, row: Row) -> Value {
    let ports = &block.score.spec(row).outputs;
    let values = &block.values[block.score.slots(row)];
    let present = ports.iter().zip(values).filter(|(_, value)| value.is_present());
    Value::map(present.map(|(port, value)| (port.name.clone(), value.clone())))
}

/// Whether a call's outputs pass the node's `gate`; why not, as a failure.
pub(crate) fn pass_gate(score: &Score, spec: &NodeSpec, outputs: &[Value]) -> Result<(), CallFailure> {
    let Some(gate) = &spec.gate else { return Ok(()) };
    let why = match gate.eval(&GateScope { score, spec, outputs }) {
        Ok(Value::Bool(true)) => return Ok(()),
        Ok(_) => String::new(),
        Err(why) => format!(" ({why})"),
    };
    let message = format!("its gate was not passed: `{}`{why}", gate.text());
    Err(CallFailure { class: ErrorClass::Refused, message, retry_after: None, usage: Usage::default() })
}

/// What `gate` sees.
struct GateScope<'a> {
    score: &'a Score,
    spec: &'a NodeSpec,
    outputs: &'a [Value],
}

impl Names for GateScope<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        match name {
            "outputs" => {
                let present = self.spec.outputs.iter().zip(self.outputs).filter(|(_, value)| value.is_present());
                Some(Value::map(present.map(|(port, value)| (port.name.clone(), value.clone()))))
            }
            SETTINGS => Some(self.score.settings.clone()),
            _ => None,
        }
    }
}

/// A score's present inputs, by name.
pub(crate) fn inputs_as_map(score: &Score, inputs: &[Value]) -> Value {
    let present = score.inputs.iter().zip(inputs).filter(|(_, value)| value.is_present());
    Value::map(present.map(|(spec, value)| (spec.name.to_string(), value.clone())))
}

/// The outputs of a finished body (or melody), in the order of its `[outputs]`.
pub(crate) fn body_outputs(block: &Block) -> Vec<Value> {
    let scope = Scope::of(block);
    block.score.outputs.iter().map(|output| scope.gather(&output.from).unwrap_or_default()).collect()
}

impl Run {
    /// A body's inputs by name, with the body's defaults for those that are not bound.
    pub(crate) fn body_inputs(body: &Score, names: &[Arc<str>], values: &[Value]) -> Vec<Value> {
        let bound = |name: &Arc<str>| names.iter().position(|known| known == name).and_then(|place| values.get(place));
        let input = |spec: &symphony_ecs_core::score::InputSpec| match bound(&spec.name) {
            Some(value) if value.is_present() => value.clone(),
            _ => spec.default.clone().unwrap_or_default(),
        };
        body.inputs.iter().map(input).collect()
    }
}
