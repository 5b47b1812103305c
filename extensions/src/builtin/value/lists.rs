//! `builtin:value/{zip,sort,unique,group}`: lists put side by side, in order and in groups.

use super::order::compare;
use crate::builtin::ask::{Ask, give, kind, refused, shown};
use crate::builtin::describe::{Builtin, any_json, list};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use symphony_ecs_core::ports::{CallFailure, InProcessCall};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Value;

pub(super) fn builtins() -> Vec<Builtin> {
    let over = |name, play, summary, example| {
        Builtin::new(name, play, summary).takes("list", list(PortType::Any)).example_is(example)
    };
    const BY: &str = "The field of the items that counts; dots go deeper (`author.name`). Default: the whole item.";
    vec![
        Builtin::new(
            "builtin:value/zip",
            zip,
            "Puts lists of equal length side by side: a list of maps with one field per input.",
        )
        .takes_any()
        .gives("list", list(any_json()))
        .with("shortest", "boolean", "Stop at the end of the shortest list instead of failing (default: false).")
        .example_is("[node.pairs]\nuses = \"builtin:value/zip\"\nin   = { commit = \"log.commits\", summary = \"summarise.text\" }"),
        over(
            "builtin:value/sort",
            sort,
            "Sorts a list; equal items keep their order. Absent comes first, then truth values, numbers, text, lists, maps.",
            "[node.newest]\nuses = \"builtin:value/sort\"\nin   = { list = \"log.commits\" }\nwith = { by = \"date\", reverse = true }",
        )
        .gives("list", list(PortType::Any))
        .with("by", "string", BY)
        .with("reverse", "boolean", "Largest first (default: false)."),
        over(
            "builtin:value/unique",
            unique,
            "Keeps the first of equal items, in order.",
            "[node.authors]\nuses = \"builtin:value/unique\"\nin   = { list = \"names.list\" }",
        )
        .gives("list", list(PortType::Any))
        .with("by", "string", BY),
        over(
            "builtin:value/group",
            group,
            "Groups items by a field: a map from the field's value, as text, to the list of items, and the same as a \
             list of `{ key, items }` in the order in which the keys first appear.",
            "[node.by_author]\nuses = \"builtin:value/group\"\nin   = { list = \"log.commits\" }\nwith = { by = \"author\" }",
        )
        .gives("groups", any_json())
        .gives("list", list(any_json()))
        .with("by", "string", BY)
        .must("by"),
    ]
}

/// The part of an item that counts.
fn part<'v>(item: &'v Value, by: Option<&str>) -> &'v Value {
    by.map_or(item, |by| by.split('.').try_fold(item, |inner, field| inner.get(field)).unwrap_or(&Value::Absent))
}

fn zip(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let mut columns = Vec::new();
    for (name, value) in call.bound() {
        let items =
            value.as_list().ok_or_else(|| refused(format!("input `{name}` must be a list, not {}", kind(value))))?;
        columns.push((name, items));
    }
    let lengths = || columns.iter().map(|(_, items)| items.len());
    let (shortest, longest) = (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0));
    if shortest != longest && !call.flag("shortest", false)? {
        let said: Vec<String> = columns.iter().map(|(name, items)| format!("`{name}` has {}", items.len())).collect();
        let cure = "make them equal, or set `shortest = true`";
        return Err(refused(format!("the lists differ in length: {}; {cure}", said.join(", "))));
    }
    let row = |place: usize| {
        Value::map(columns.iter().map(|(name, items)| (*name, items.get(place).cloned().unwrap_or_default())))
    };
    give(call, "list", (0..shortest).map(row).collect::<Vec<_>>());
    Ok(())
}

fn sort(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let by = call.text_or_setting("by")?;
    let reverse = call.flag("reverse", false)?;
    let mut items = call.list("list")?.to_vec();
    items.sort_by(|left, right| {
        let order = compare(part(left, by), part(right, by));
        if reverse { order.reverse() } else { order }
    });
    give(call, "list", items);
    Ok(())
}

fn unique(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let by = call.text_or_setting("by")?;
    let mut seen = BTreeSet::new();
    let kept = call.list("list")?.iter().filter(|item| seen.insert(part(item, by).canonical_json()));
    let kept: Vec<Value> = kept.cloned().collect();
    give(call, "list", kept);
    Ok(())
}

fn group(call: &mut InProcessCall<'_>) -> Result<(), CallFailure> {
    let by = call.text_or_setting("by")?;
    if by.is_none() {
        return Err(refused("setting `by` is missing: the field to group by"));
    }
    let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut order = Vec::new();
    for item in call.list("list")? {
        let key = shown(part(item, by)).into_owned();
        let members = groups.entry(key.clone()).or_default();
        if members.is_empty() {
            order.push(key);
        }
        members.push(item.clone());
    }
    let groups: BTreeMap<String, Value> =
        groups.into_iter().map(|(key, members)| (key, Value::list(members))).collect();
    let in_order = order.into_iter().map(|key| {
        let items = groups.get(&key).cloned().unwrap_or_default();
        Value::map([("key", Value::text(key)), ("items", items)])
    });
    give(call, "list", in_order.collect::<Vec<_>>());
    give(call, "groups", Value::Map(Arc::new(groups)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::builtin::trial::{json, one, play};
    use proptest::prelude::*;
    use serde_json::json;
    use symphony_ecs_core::value::Value;

    #[test]
    fn zip_needs_equal_lengths() {
        let inputs = [("a", json(json!([1, 2]))), ("b", json(json!(["x"])))];
        let failure = play("value/zip", &inputs, &[], &["list"]).unwrap_err();
        assert!(failure.message.contains("`a` has 2, `b` has 1"));
        let zipped = one("value/zip", &inputs, &[("shortest", true.into())], "list");
        assert_eq!(zipped, json(json!([{"a": 1, "b": "x"}])));
    }

    #[test]
    fn sort_goes_by_a_field_and_is_stable() {
        let items = json(json!([{"n": {"v": 2}, "i": 0}, {"n": {"v": 1}, "i": 1}, {"n": {"v": 2}, "i": 2}]));
        let sorted = one("value/sort", &[("list", items)], &[("by", "n.v".into()), ("reverse", true.into())], "list");
        let order: Vec<_> =
            sorted.as_list().unwrap().iter().map(|item| item.get("i").unwrap().as_int().unwrap()).collect();
        assert_eq!(order, [0, 2, 1]);
    }

    #[test]
    fn group_keeps_the_order_of_first_appearance() {
        let items = json(json!([{"k": "b", "i": 0}, {"k": "a", "i": 1}, {"k": "b", "i": 2}, {"i": 3}]));
        let results = play("value/group", &[("list", items)], &[("by", "k".into())], &["groups", "list"]).unwrap();
        assert_eq!(results[0].get("b").unwrap(), &json(json!([{"k": "b", "i": 0}, {"k": "b", "i": 2}])));
        let keys: Vec<_> =
            results[1].as_list().unwrap().iter().map(|group| group.get("key").unwrap().clone()).collect();
        assert_eq!(keys, ["b".into(), "a".into(), "".into()]);
    }

    proptest! {
        #[test]
        fn sort_and_unique_are_those_of_the_library(numbers in prop::collection::vec(-5i64..5, 0..20)) {
            let list = |numbers: &[i64]| Value::list(numbers.iter().map(|number| Value::Int(*number)).collect());
            let sorted = one("value/sort", &[("list", list(&numbers))], &[], "list");
            let unique = one("value/unique", &[("list", sorted.clone())], &[], "list");
            let mut expected = numbers;
            expected.sort();
            prop_assert_eq!(sorted, list(&expected));
            expected.dedup();
            prop_assert_eq!(unique, list(&expected));
        }
    }
}
