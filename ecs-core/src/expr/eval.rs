//! The evaluator: walks the code of an expression over values and counts its steps.

use super::code::{Binary, Code, Fold};
use super::compare::{equal, order};
use super::{EvalError, MAX_STEPS, Names, UNITS_PER_STEP};
use crate::value::{ArtifactRef, SPILLED, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why the evaluation of a part stopped.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// It touched an absent value.
    Absent(String),
    /// It failed.
    Failed(String),
    /// The steps are used up. Unlike the others, nothing absorbs it.
    Exhausted,
}

/// What is left of the steps, in units of work.
pub(super) struct Meter {
    left: u32,
}

impl Meter {
    /// Takes whole steps.
    fn steps(&mut self, steps: u32) -> Result<(), Stop> {
        self.take(steps.saturating_mul(UNITS_PER_STEP))
    }

    /// Takes the price of looking at so many bytes or items.
    pub(super) fn work(&mut self, units: usize) -> Result<(), Stop> {
        self.take(u32::try_from(units).unwrap_or(u32::MAX))
    }

    fn take(&mut self, units: u32) -> Result<(), Stop> {
        match self.left.checked_sub(units) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.left = 0;
                Err(Stop::Exhausted)
            }
        }
    }
}

/// Evaluates code whose comprehensions have at most `locals` variables alive at once.
pub(super) fn eval(code: &Code, locals: usize, names: &dyn Names) -> Result<Value, EvalError> {
    let meter = Meter { left: MAX_STEPS * UNITS_PER_STEP };
    let mut evaluator = Evaluator { names, locals: Vec::new(), meter };
    evaluator.locals.resize_with(locals, || Ok(Value::Absent));
    evaluator.value(code).map_err(|stop| match stop {
        Stop::Absent(name) => EvalError::Absent(name),
        Stop::Failed(message) => EvalError::Failed(message),
        Stop::Exhausted => EvalError::Failed(format!(
            "it takes more than {MAX_STEPS} steps; let a player (such as builtin:json) compute it"
        )),
    })
}

struct Evaluator<'a> {
    names: &'a dyn Names,
    /// Variables of comprehensions. A result so far may be an error that a later item absorbs.
    locals: Vec<Result<Value, Stop>>,
    meter: Meter,
}

fn failed<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(message.into()))
}

impl Evaluator<'_> {
    fn value(&mut self, code: &Code) -> Result<Value, Stop> {
        match code {
            Code::Const(value) => Ok(value.clone()),
            Code::Name(name) => match self.names.get(name) {
                Some(value) if value.is_present() => Ok(value),
                _ => Err(Stop::Absent(name.to_string())),
            },
            Code::Local { slot, .. } => self.locals.get(*slot).cloned().unwrap_or(Ok(Value::Absent)),
            Code::Field { of, name } => self.field(code, of, name),
            Code::Has { of, name } => {
                let found = match self.value(of) {
                    Ok(Value::Map(map)) => match (map.get(&**name), &**of) {
                        (Some(value), Code::Name(_)) => value.is_present(),
                        (found, _) => found.is_some(),
                    },
                    Ok(Value::Artifact(artifact)) => artifact_field(&artifact, name).is_some(),
                    Ok(other) => {
                        return failed(format!("`{}` is {}, which has no fields", of.path(), other.in_short()));
                    }
                    Err(Stop::Absent(_)) => false,
                    Err(stop) => return Err(stop),
                };
                Ok(Value::Bool(found))
            }
            Code::List(items) => {
                self.meter.work(items.len())?;
                let items: Result<Vec<Value>, Stop> = items.iter().map(|item| self.value(item)).collect();
                Ok(Value::list(items?))
            }
            Code::Map(entries) => {
                self.meter.work(entries.len())?;
                let mut map = BTreeMap::new();
                for (key, value) in entries {
                    let key = match self.value(key)? {
                        Value::Text(text) => text.to_string(),
                        other => return failed(format!("a key must be text, not {}", other.in_short())),
                    };
                    let value = self.value(value)?;
                    if map.contains_key(&key) {
                        return failed(format!("the key {key:?} stands twice in a map"));
                    }
                    map.insert(key, value);
                }
                Ok(Value::Map(Arc::new(map)))
            }
            Code::Not(inner) => {
                self.meter.steps(1)?;
                Ok(Value::Bool(!self.truth(inner, "!")?))
            }
            Code::NotFalse(inner) => match self.not_false(inner) {
                Err(Stop::Exhausted) => Err(Stop::Exhausted),
                Ok(Value::Bool(truth)) => Ok(Value::Bool(truth)),
                _ => Ok(Value::Bool(true)),
            },
            Code::Negate(inner) => {
                self.meter.steps(1)?;
                match self.value(inner)? {
                    Value::Int(int) => match int.checked_neg() {
                        Some(int) => Ok(Value::Int(int)),
                        None => failed("the integer is too large"),
                    },
                    Value::Float(float) => Ok(Value::Float(-float)),
                    other => failed(format!("`-` takes a number, not {}", other.in_short())),
                }
            }
            Code::Logic { decides, sides, steps } => self.logic(*decides, sides, *steps),
            Code::If { arms, steps } => {
                self.meter.steps(*steps)?;
                let [condition, yes, no] = &**arms;
                if self.truth(condition, "? :")? { self.value(yes) } else { self.value(no) }
            }
            Code::Binary { op, sides, steps } => self.binary(*op, sides, *steps),
            Code::Call { function, args } => {
                self.meter.steps(1)?;
                let args: Result<Vec<Value>, Stop> = args.iter().map(|arg| self.value(arg)).collect();
                function.call(&args?, &mut self.meter)
            }
            Code::Fold(fold) => self.fold(fold),
        }
    }

    /// The machinery's `!@result` costs nothing.
    fn not_false(&mut self, inner: &Code) -> Result<Value, Stop> {
        match inner {
            Code::Not(inner) => Ok(Value::Bool(!self.truth(inner, "!")?)),
            other => self.value(other),
        }
    }

    fn truth(&mut self, code: &Code, operator: &str) -> Result<bool, Stop> {
        match self.value(code)? {
            Value::Bool(truth) => Ok(truth),
            other => failed(format!("`{operator}` takes true or false, not {}", other.in_short())),
        }
    }

    fn field(&mut self, code: &Code, of: &Code, name: &str) -> Result<Value, Stop> {
        match self.value(of)? {
            Value::Map(map) => match map.get(name) {
                // A node's port that is null gave nothing; below a port, null is a value.
                Some(value) if value.is_present() || !matches!(of, Code::Name(_)) => Ok(value.clone()),
                _ => Err(Stop::Absent(code.path())),
            },
            Value::Artifact(artifact) => match artifact_field(&artifact, name) {
                Some(value) => Ok(value),
                None if artifact.media_type == SPILLED => failed(format!(
                    "`{}` has {} bytes and lives in the Artifact Store; expressions do not look into it",
                    of.path(),
                    artifact.size
                )),
                None => failed(format!("`{}` is an artifact: it has `digest`, `media_type` and `size`", of.path())),
            },
            other => failed(format!("`{}` is {}, which has no fields", of.path(), other.in_short())),
        }
    }

    fn logic(&mut self, decides: bool, sides: &[Code; 2], steps: u32) -> Result<Value, Stop> {
        self.meter.steps(steps)?;
        let sign = if decides { "||" } else { "&&" };
        let left = self.truth(&sides[0], sign);
        match left {
            Ok(truth) if truth == decides => return Ok(Value::Bool(decides)),
            Err(Stop::Exhausted) => return Err(Stop::Exhausted),
            _ => {}
        }
        // Either side may settle it, whatever became of the other.
        let right = self.truth(&sides[1], sign);
        match (left, right) {
            (_, Err(Stop::Exhausted)) => Err(Stop::Exhausted),
            (_, Ok(truth)) if truth == decides => Ok(Value::Bool(decides)),
            (Err(stop), _) | (_, Err(stop)) => Err(stop),
            (Ok(_), Ok(_)) => Ok(Value::Bool(!decides)),
        }
    }

    fn binary(&mut self, op: Binary, sides: &[Code; 2], steps: u32) -> Result<Value, Stop> {
        self.meter.steps(steps)?;
        let left = match &sides[0] {
            // The machinery's `@result + [item]` replaces the result, so it is taken and grows in place.
            Code::Local { slot, .. } if steps == 0 && op == Binary::Add => match self.locals.get_mut(*slot) {
                Some(local) => std::mem::replace(local, Ok(Value::Absent))?,
                None => Value::Absent,
            },
            other => self.value(other)?,
        };
        let right = self.value(&sides[1])?;
        let compared = |wanted: fn(Ordering) -> bool, meter: &mut Meter| match order(&left, &right, meter)? {
            Some(found) => Ok(Value::Bool(wanted(found))),
            None => {
                let (left, right) = (left.in_short(), right.in_short());
                failed(format!("`{}` cannot compare {left} with {right}", op.sign()))
            }
        };
        match op {
            Binary::Equal => Ok(Value::Bool(equal(&left, &right, &mut self.meter)?)),
            Binary::NotEqual => Ok(Value::Bool(!equal(&left, &right, &mut self.meter)?)),
            Binary::Less => compared(Ordering::is_lt, &mut self.meter),
            Binary::LessEqual => compared(Ordering::is_le, &mut self.meter),
            Binary::Greater => compared(Ordering::is_gt, &mut self.meter),
            Binary::GreaterEqual => compared(Ordering::is_ge, &mut self.meter),
            Binary::In => match &right {
                Value::List(items) => {
                    for item in items.iter() {
                        if equal(&left, item, &mut self.meter)? {
                            return Ok(Value::Bool(true));
                        }
                    }
                    Ok(Value::Bool(false))
                }
                Value::Map(map) => Ok(Value::Bool(left.as_text().is_some_and(|key| map.contains_key(key)))),
                other => failed(format!("`in` looks into a list or a map, not {}", other.in_short())),
            },
            Binary::Index => index(&sides[0], &left, &right),
            _ => self.arithmetic(op, left, &right),
        }
    }

    fn arithmetic(&mut self, op: Binary, left: Value, right: &Value) -> Result<Value, Stop> {
        let sign = op.sign();
        match (left, right) {
            (Value::Int(left), Value::Int(right)) => {
                let result = match op {
                    Binary::Add => left.checked_add(*right),
                    Binary::Subtract => left.checked_sub(*right),
                    Binary::Multiply => left.checked_mul(*right),
                    _ if *right == 0 => return failed("division by zero"),
                    Binary::Divide => left.checked_div(*right),
                    Binary::Modulo => left.checked_rem(*right),
                    _ => None,
                };
                result.map_or_else(
                    || failed(format!("{left} {sign} {right} is too large for an integer")),
                    |n| Ok(Value::Int(n)),
                )
            }
            (Value::Float(left), Value::Float(right)) => {
                let result = match op {
                    Binary::Add => left + right,
                    Binary::Subtract => left - right,
                    Binary::Multiply => left * right,
                    Binary::Divide => left / right,
                    _ => return failed("`%` takes integers"),
                };
                if result.is_finite() {
                    Ok(Value::Float(result))
                } else {
                    failed(format!("{left} {sign} {right} is not a number"))
                }
            }
            (Value::Text(left), Value::Text(right)) if op == Binary::Add => {
                self.meter.work(left.len() + right.len())?;
                Ok(Value::from([&*left, &**right].concat()))
            }
            (Value::Bytes(left), Value::Bytes(right)) if op == Binary::Add => {
                self.meter.work(left.len() + right.len())?;
                Ok(Value::Bytes([&*left, &**right].concat().into()))
            }
            (Value::List(mut left), Value::List(right)) if op == Binary::Add => {
                let copied = if Arc::get_mut(&mut left).is_some() { 0 } else { left.len() };
                self.meter.work(copied + right.len())?;
                Arc::make_mut(&mut left).extend(right.iter().cloned());
                Ok(Value::List(left))
            }
            (left @ (Value::Int(_) | Value::Float(_)), Value::Int(_) | Value::Float(_)) => failed(format!(
                "`{sign}` does not mix int and double ({} and {}); write `double(x)`",
                left.in_short(),
                right.in_short()
            )),
            (left, right) => failed(format!("`{sign}` does not take {} and {}", left.in_short(), right.in_short())),
        }
    }

    fn fold(&mut self, fold: &Fold) -> Result<Value, Stop> {
        let range = match self.value(&fold.range)? {
            Value::List(items) => items,
            Value::Map(map) => {
                self.meter.work(map.len())?;
                Arc::new(map.keys().map(|key| Value::text(key.as_str())).collect())
            }
            other => {
                return failed(format!("`{}` is {}, not a list or a map", fold.range.path(), other.in_short()));
            }
        };
        let init = self.value(&fold.init);
        self.set(fold.accu, init);
        for item in range.iter() {
            self.meter.steps(1)?;
            if !matches!(self.value(&fold.go_on)?, Value::Bool(true)) {
                break;
            }
            self.set(fold.accu + 1, Ok(item.clone()));
            match self.value(&fold.step) {
                Err(Stop::Exhausted) => return Err(Stop::Exhausted),
                // Only `all` and `exists` look at their condition, and only they can absorb an error.
                Err(stop) if matches!(fold.go_on, Code::Const(_)) => return Err(stop),
                next => self.set(fold.accu, next),
            }
        }
        self.value(&fold.result)
    }

    fn set(&mut self, slot: usize, value: Result<Value, Stop>) {
        if let Some(local) = self.locals.get_mut(slot) {
            *local = value;
        }
    }
}

fn index(of: &Code, left: &Value, right: &Value) -> Result<Value, Stop> {
    // As in CEL, a float that is whole is a place too.
    let whole = |value: &Value| match value {
        Value::Int(place) => Some(*place),
        Value::Float(place) if place.fract() == 0.0 && place.abs() < 1e15 => Some(*place as i64),
        _ => None,
    };
    match (left, right) {
        (Value::List(items), place) if let Some(place) = whole(place) => {
            match usize::try_from(place).ok().and_then(|place| items.get(place)) {
                Some(item) => Ok(item.clone()),
                None => failed(format!("`{}` has {} items and none at {place}", of.path(), items.len())),
            }
        }
        (Value::Map(map), Value::Text(key)) => match map.get(&**key) {
            Some(value) if value.is_present() || !matches!(of, Code::Name(_)) => Ok(value.clone()),
            _ => Err(Stop::Absent(format!("{}[{key:?}]", of.path()))),
        },
        _ => failed(format!("{} cannot be looked up in {}", right.in_short(), left.in_short())),
    }
}

/// What an expression sees of an artifact.
fn artifact_field(artifact: &ArtifactRef, name: &str) -> Option<Value> {
    match name {
        _ if artifact.media_type == SPILLED => None,
        "digest" => Some(Value::from(artifact.digest.to_string())),
        "media_type" => Some(Value::text(artifact.media_type.as_str())),
        "size" => i64::try_from(artifact.size).ok().map(Value::Int),
        _ => None,
    }
}
