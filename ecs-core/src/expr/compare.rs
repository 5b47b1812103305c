//! Comparing values as CEL does: numbers by their size whatever their kind, everything else within its kind.

use super::eval::{Meter, Stop};
use crate::value::{SPILLED, Value};
use std::cmp::Ordering;

/// Whether two values are equal. Values of different kinds are not, except numbers.
pub(super) fn equal(left: &Value, right: &Value, meter: &mut Meter) -> Result<bool, Stop> {
    meter.work(1)?;
    Ok(match (left, right) {
        (Value::Absent, Value::Absent) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
            numbers(left, right) == Some(Ordering::Equal)
        }
        (Value::Text(left), Value::Text(right)) => {
            meter.work(left.len().min(right.len()))?;
            left == right
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            meter.work(left.len().min(right.len()))?;
            left == right
        }
        (Value::Artifact(left), Value::Artifact(right)) => left.digest == right.digest,
        (Value::Artifact(artifact), _) | (_, Value::Artifact(artifact)) if artifact.media_type == SPILLED => {
            return Err(Stop::Failed(format!(
                "a value of {} bytes lives in the Artifact Store and cannot be compared",
                artifact.size
            )));
        }
        (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(left, right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for ((left_key, left), (right_key, right)) in left.iter().zip(right.iter()) {
                meter.work(left_key.len())?;
                if left_key != right_key || !equal(left, right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => false,
    })
}

/// The order of two numbers, texts, bytes or truth values; `None` where there is none.
pub(super) fn order(left: &Value, right: &Value, meter: &mut Meter) -> Result<Option<Ordering>, Stop> {
    Ok(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => {
            meter.work(left.len().min(right.len()))?;
            Some(left.cmp(right))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            meter.work(left.len().min(right.len()))?;
            Some(left.cmp(right))
        }
        _ => numbers(left, right),
    })
}

fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Float(right)) => int_and_float(*left, *right),
        (Value::Float(left), Value::Int(right)) => int_and_float(*right, *left).map(Ordering::reverse),
        _ => None,
    }
}

/// Exact, also where a float cannot hold the integer.
fn int_and_float(int: i64, float: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0; // 2^63, the first float above every i64
    if float.is_nan() {
        None
    } else if float >= BEYOND {
        Some(Ordering::Less)
    } else if float < -BEYOND {
        Some(Ordering::Greater)
    } else {
        let whole = float.trunc();
        Some(int.cmp(&(whole as i64)).then(if float > whole {
            Ordering::Less
        } else if float < whole {
            Ordering::Greater
        } else {
            Ordering::Equal
        }))
    }
}
