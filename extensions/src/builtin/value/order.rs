//! The total order of values: absent, truth values, numbers, text, bytes, lists, maps, artifacts.

use std::cmp::Ordering;
use symphony_ecs_core::value::Value;

/// Compares two values. Whole numbers and floats compare by worth; equal worth goes by kind, so that the order is
/// total.
pub(super) fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
        (Value::Int(left), Value::Float(right)) => whole_with_float(*left, *right),
        (Value::Float(left), Value::Int(right)) => whole_with_float(*right, *left).reverse(),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::List(left), Value::List(right)) => {
            let pairs = left.iter().zip(right.iter()).map(|(left, right)| compare(left, right));
            pairs.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
        }
        (Value::Map(left), Value::Map(right)) => {
            let pairs = left.iter().zip(right.iter());
            let pairs = pairs.map(|((key, value), (other, with))| key.cmp(other).then_with(|| compare(value, with)));
            pairs.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
        }
        (Value::Artifact(left), Value::Artifact(right)) => {
            (left.digest, &left.media_type, left.size).cmp(&(right.digest, &right.media_type, right.size))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Absent => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) => 2,
        Value::Text(_) => 3,
        Value::Bytes(_) => 4,
        Value::List(_) => 5,
        Value::Map(_) => 6,
        Value::Artifact(_) => 7,
    }
}

/// Exact comparison of a whole number with a float (`i64 as f64` alone would round and break transitivity).
fn whole_with_float(int: i64, float: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if float >= LIMIT {
        Ordering::Less
    } else if float < -LIMIT {
        Ordering::Greater
    } else {
        let whole = float.trunc();
        int.cmp(&(whole as i64)).then_with(|| 0.0_f64.total_cmp(&(float - whole + 0.0))).then(Ordering::Less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Absent),
            any::<bool>().prop_map(Value::Bool),
            prop_oneof![any::<i64>(), -3i64..3].prop_map(Value::Int),
            prop_oneof![any::<i64>().prop_map(|int| int as f64), (-6..6).prop_map(|half| f64::from(half) / 2.0)]
                .prop_map(Value::Float),
            "[ab]{0,2}".prop_map(Value::text),
        ];
        leaf.prop_recursive(2, 6, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::list))
    }

    proptest! {
        #[test]
        fn it_is_a_total_order(a in any_value(), b in any_value(), c in any_value()) {
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }
    }

    #[test]
    fn numbers_compare_by_worth() {
        assert_eq!(compare(&Value::Int(2), &Value::Float(2.5)), Ordering::Less);
        assert_eq!(compare(&Value::Int(-2), &Value::Float(-2.5)), Ordering::Greater);
        assert_eq!(compare(&Value::Int(i64::MAX), &Value::Float(9.3e18)), Ordering::Less);
    }
}
