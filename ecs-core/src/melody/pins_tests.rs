use super::*;
use crate::melody::render;

#[test]
fn cases_begin_with_what_stands_above() {
    let text = "[inputs]\nwho = 'Ada'\nn = 1\n[node.draft]\ntext = 'x'\n[expect]\n\"draft.text\" = 'x'\n\
                [case.one]\ninputs = { who = 'Bob' }\nstatus = 'failed'\n[case.two.node]\n\"fix.patch\" = { ok = true }\n\
                [case.two.expect]\ndraft.text = 'y'\n";
    let pins = Pins::parse("t.melody.pins", text).unwrap();
    let [one, two] = pins.cases.as_slice() else { panic!("{pins:?}") };
    assert_eq!((one.name.as_str(), one.status), ("one", Some(RunStatus::Failed)));
    assert_eq!(one.inputs["who"].value, Value::text("Bob"));
    assert_eq!(one.inputs["n"].value, Value::Int(1));
    assert_eq!(two.values()["fix.patch"]["ok"], Value::Bool(true));
    assert_eq!(two.values()["draft"]["text"], Value::text("x"));
    assert_eq!(two.expect["draft.text"].value, Value::text("y"), "a dotted key is the same name");
}

#[test]
fn a_file_without_cases_is_one_case() {
    let pins = Pins::parse("t.melody.pins", "[expect]\nx = [1, { a = 2.5 }]\n").unwrap();
    assert_eq!(pins.cases.len(), 1);
    let expected = Value::list(vec![Value::Int(1), Value::map([("a".to_owned(), Value::Float(2.5))])]);
    assert_eq!(pins.cases[0].expect["x"].value, expected);
}

#[test]
fn mistakes_have_lines() {
    let found = |text: &str| render(&Pins::parse("t.melody.pins", text).unwrap_err(), false);
    assert!(found("[inputs]\nx = \n").contains("t.melody.pins:2"), "{}", found("[inputs]\nx = \n"));
    let text = "[expect]\na = 1\n[nonsense]\nb = 1\n[case.one]\nstatus = 'great'\nnode = 3\n";
    let said = found(text);
    for place in ["t.melody.pins:3", "t.melody.pins:6", "t.melody.pins:7"] {
        assert!(said.contains(place), "{place}: {said}");
    }
}
