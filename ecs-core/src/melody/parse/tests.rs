//! What is taken, what it becomes, and what cannot bring the reader down.

use super::*;
use crate::melody::model::{Candidate, EdgeKind, JoinKind, RefTarget, Setting, Source};
use crate::melody::{from_json, render, to_json};
use crate::value::Value;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::time::Duration;

const SAMPLES: [&str; 2] = [
    include_str!("../../../tests/melodies/review-and-ship.melody.toml"),
    include_str!("../../../tests/melodies/everything.melody.toml"),
];

fn read(text: &str) -> Melody {
    let parsed = parse("test.melody.toml", text).unwrap_or_else(|findings| panic!("{}", render(&findings, false)));
    assert_eq!(parsed.warnings, []);
    parsed.melody
}

fn codes(text: &str) -> Vec<&'static str> {
    parse("test.melody.toml", text).unwrap_err().iter().map(|finding| finding.code).collect()
}

#[test]
fn the_example_of_the_documentation_is_understood() {
    let melody = read(SAMPLES[0]);
    assert_eq!(melody.name.value, "review-and-ship");
    assert_eq!(melody.limits.cost_micros, Some(2_000_000));
    assert_eq!(melody.limits.wall, Some(Duration::from_secs(1800)));
    let ids: Vec<_> = melody.nodes.iter().map(|node| node.id.value.as_str()).collect();
    assert_eq!(ids, ["lint", "review", "fix_loop", "ship"], "in the order of the text");
    let [lint, review, fix_loop, ship] = melody.nodes.as_slice() else { panic!() };
    assert_eq!(SAMPLES[0].get(lint.id.span.clone()), Some("lint"));
    assert_eq!(lint.uses[0].value.to_string(), "operator:clippy/lint@^1.4");
    assert_eq!(review.uses.len(), 2);
    let expected = RefTarget::Port("lint".into(), "report".into());
    assert!(matches!(&review.inputs[1].from, Source::Ref(reference) if reference.target == expected));
    let repeat = fix_loop.repeat.as_ref().unwrap();
    assert_eq!((repeat.max, repeat.carry.len()), (5, 2));
    let Source::Join(join) = &ship.inputs[0].from else { panic!() };
    assert_eq!(join.kind, JoinKind::FirstOf);
    let [Candidate::One(first), Candidate::One(second)] = join.candidates.as_slice() else { panic!() };
    assert_eq!(first.target, RefTarget::Port("fix_loop".into(), "diff".into()));
    assert_eq!(second.target, RefTarget::Input("diff".into()));
}

#[test]
fn every_spelling_is_understood() {
    let melody = read(SAMPLES[1]);
    let node = |id: &str| melody.nodes.iter().find(|node| node.id.value == id).unwrap();
    assert!(melody.on.manual && melody.on.any());
    assert_eq!(melody.limits.mem, Some(512 << 20));
    assert_eq!(melody.limits.cost_micros, Some(1));
    assert_eq!(node("first").limits.cpu, Some(30));
    let setting = |name: &str| {
        node("first").with.iter().find(|(key, _)| key.value == name).map(|(_, setting)| setting.clone()).unwrap()
    };
    assert_eq!(setting("date"), Setting::Value(Value::text("2026-01-31")), "dates become text");
    assert!(matches!(setting("key"), Setting::Secret(name) if name.value == "API_KEY"));
    let second = node("second");
    assert_eq!(second.description.as_deref(), Some("The other spelling."));
    let kinds: Vec<_> = second.needs.iter().map(|need| need.kind).collect();
    assert_eq!(kinds, [EdgeKind::Hard, EdgeKind::Soft]);
    assert!(matches!(&second.inputs[2].from, Source::Literal(value) if *value == Value::text("a constant")));
    let mapped = node("background_b");
    let targets: Vec<_> = mapped.inputs.iter().map(|binding| binding.from.clone()).collect();
    assert!(matches!(&targets[0], Source::Ref(reference) if reference.target == RefTarget::Item));
    assert!(matches!(&targets[1], Source::Ref(reference) if reference.target == RefTarget::Index));
    assert_eq!(node("again").retry.as_ref().unwrap().base, Duration::ZERO);
}

#[test]
fn lines_may_end_as_on_windows() {
    assert_eq!(to_json(&read(&SAMPLES[1].replace('\n', "\r\n"))), to_json(&read(SAMPLES[1])));
    assert_eq!(to_json(&read(&format!("\u{feff}{}", SAMPLES[0]))), to_json(&read(SAMPLES[0])));
}

#[test]
fn all_mistakes_are_reported_in_one_pass() {
    let text =
        "nmae = 'x'\n[node.A]\nuses = 'builtin:x'\nretry = { max = 0 }\n[node.b]\nuses = 7\nin = { a = 1, b = 'c' }\n";
    let expected =
        ["missing-format", "unknown-key", "bad-id", "bad-number", "wrong-type", "wrong-type", "bad-reference"];
    assert_eq!(codes(text), expected);
}

#[test]
fn findings_are_counted_not_endless() {
    let text: String = (0..100_000).map(|line| format!("k{line} = = {line}\n")).collect();
    let findings = parse("x", &text).unwrap_err();
    assert!(findings.len() <= MAX_FINDINGS + 1, "{}", findings.len());
    let text: String = (0..100_000).map(|line| format!("k{line} = {line}\n")).collect();
    let findings = parse("x", &text).unwrap_err();
    assert_eq!(findings.len(), MAX_FINDINGS + 1);
    assert_eq!(findings.last().map(|finding| finding.code), Some("too-many-findings"));
}

#[test]
fn no_nesting_exhausts_the_stack() {
    let depth = 100_000;
    for text in [
        format!("a = {}", "[".repeat(depth)),
        format!("a = {}{}", "[".repeat(depth), "]".repeat(depth)),
        format!("a = {}1{}", "{ b = ".repeat(depth), " }".repeat(depth)),
        format!("a = {}", "[{ b = ".repeat(depth)),
        format!("a{} = 1", ".a".repeat(depth)),
        format!("[a{}]", ".a".repeat(depth)),
        format!("[[a{}]]\nb = 1", ".a".repeat(depth)),
        format!("a = {{ b{} = 1 }}", ".b".repeat(depth)),
        "[a]\n".repeat(depth),
        "[[a]]\n".repeat(depth),
        "]".repeat(depth),
    ] {
        assert!(parse("x", &text).is_err());
    }
    let json = format!("{{\"a\": {}", "[{\"b\": ".repeat(depth));
    assert!(from_json("x", &json).is_err());
    let headers =
        format!("[{}]\n{} = {}1{}", vec!["h"; 30].join("."), vec!["k"; 30].join("."), "[".repeat(30), "]".repeat(30));
    assert!(codes(&headers).contains(&"too-deep"), "depths add up");
}

#[test]
fn what_is_no_text_or_too_long_is_refused_at_once() {
    assert_eq!(codes(&"\u{1}".repeat(MAX_BYTES + 1)), ["too-large"]);
    assert_eq!(codes("format = 1\0"), ["nul-byte"]);
}

/// A melody of many nodes, with three edges each.
fn large(nodes: usize) -> String {
    let mut text = "format = 1\nname = \"large\"\n".to_owned();
    for node in 0..nodes {
        let at = |back: usize| format!("\"n{}.out\"", node.saturating_sub(back));
        let uses = "builtin:text/join@^1";
        writeln!(
            text,
            "\n[node.n{node}]\nuses = \"{uses}\"\nwith = {{ separator = \", \" }}\nout = {{ out = \"text\" }}"
        )
        .unwrap();
        if node >= 3 {
            writeln!(text, "in = {{ a = {}, b = {}, c = {} }}", at(1), at(2), at(3)).unwrap();
        }
    }
    text
}

#[test]
fn large_melodies_are_read_whole() {
    let melody = read(&large(5_000));
    assert_eq!(melody.nodes.len(), 5_000);
    assert_eq!(melody.nodes.iter().map(|node| node.inputs.len()).sum::<usize>(), 3 * 4_997);
}

/// A text with a few characters changed, cut out or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..4usize, "[\\[\\]{}=\",.'#\\\\\n a-z0-9ä]{0,3}");
    (prop::sample::select(SAMPLES.to_vec()), prop::collection::vec(edit, 1..6)).prop_map(|(sample, edits)| {
        let mut chars: Vec<char> = sample.chars().collect();
        for (place, cut, insert) in edits {
            let at = place.index(chars.len());
            let end = (at + cut).min(chars.len());
            chars.splice(at..end, insert.chars());
        }
        chars.into_iter().collect()
    })
}

/// What must hold for any text at all.
fn any_text_is_fine(text: &str, read: fn(&str, &str) -> Result<Parsed, Vec<Diagnostic>>) {
    let (findings, melody) = match read("x", text) {
        Ok(parsed) => (parsed.warnings, Some(parsed.melody)),
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error));
            (findings, None)
        }
    };
    for finding in &findings {
        for span in finding.span.iter().chain(finding.related.iter().map(|(span, _)| span)) {
            assert!(text.get(span.clone()).is_some(), "{finding:?}");
        }
        assert!(finding.help.is_some(), "{finding:?}");
        let _ = finding.to_json();
    }
    let _ = (render(&findings, false), render(&findings, true));
    if let Some(melody) = melody {
        let json = to_json(&melody);
        let again = from_json("x", &json.to_string()).unwrap_or_else(|findings| panic!("{}", render(&findings, false)));
        assert_eq!(to_json(&again.melody), json);
    }
}

/// So many cases, or more where `PROPTEST_CASES` asks for more.
fn at_least(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(cases), ..config }
}

proptest! {
    #![proptest_config(at_least(1_000))]

    #[test]
    fn changed_melodies_are_read_or_refused(text in mutated()) {
        any_text_is_fine(&text, parse);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}|[\\[\\]{}=\",.'#\\\\\n\r\t a-c0-9:_-]{0,60}|(.|\n){0,40}") {
        any_text_is_fine(&text, parse);
        any_text_is_fine(&text, from_json);
    }

    #[test]
    fn changed_json_is_read_or_refused(place in any::<prop::sample::Index>(), cut in 0..3usize, insert in "[\\[\\]{}:\",\\\\ 0-9e.-]{0,3}") {
        let mut chars: Vec<char> = to_json(&read(SAMPLES[1])).to_string().chars().collect();
        let at = place.index(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, insert.chars());
        any_text_is_fine(&chars.into_iter().collect::<String>(), from_json);
    }
}
