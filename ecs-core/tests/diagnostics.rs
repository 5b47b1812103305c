//! Every kind of mistake has a small melody in `diagnostics/` and beside it what is said about it.
//!
//! After changing a message: `INSTA_UPDATE=always cargo test -p symphony-ecs-core --test diagnostics`, then read the
//! difference as the person who made the mistake would.

use std::path::Path;
use symphony_ecs_core::melody::{Diagnostic, parse, render};

fn findings(name: &str, text: &str) -> Vec<Diagnostic> {
    match parse(name, text) {
        Ok(parsed) => parsed.warnings,
        Err(findings) => findings,
    }
}

fn samples() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut samples = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".melody.toml") {
            samples.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    samples.sort();
    samples
}

#[test]
fn every_mistake_is_explained() {
    let samples = samples();
    assert!(samples.len() >= 40, "{} mistakes", samples.len());
    insta::with_settings!({ snapshot_path => "diagnostics", prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, text) in samples {
            let stem = name.trim_end_matches(".melody.toml").to_owned();
            insta::assert_snapshot!(stem, render(&findings(&name, &text), false));
        }
    });
}

#[test]
fn every_finding_names_a_place_and_a_cure() {
    for (name, text) in samples() {
        let findings = findings(&name, &text);
        assert!(!findings.is_empty(), "nothing was found in {name}");
        for finding in findings {
            assert!(finding.help.is_some(), "no cure: {finding}");
            assert!(!finding.message.ends_with('.'), "{finding}");
            assert_eq!(finding.path, name);
            if finding.code != "nul-byte" {
                let span = finding.span.clone().unwrap_or_else(|| panic!("no place: {finding}"));
                assert!(text.get(span).is_some(), "{finding}");
                assert!(!finding.label.is_empty(), "no label: {finding}");
            }
        }
    }
}

#[test]
fn findings_are_data_too() {
    let text = "format = 1\nname = \"d\u{e4}mo\"\ncolor = \"r\u{e4}d\"\n[node.a]\nuses = \"builtin:text\"\n";
    let findings = findings("demo.melody.toml", text);
    let json: Vec<_> = findings.iter().map(Diagnostic::to_json).collect();
    assert_eq!(
        json[1],
        serde_json::json!({
            "severity": "error", "code": "unknown-key", "message": "unknown key `color` in a melody",
            "path": "demo.melody.toml", "line": 3, "column": 1, "end_line": 3, "end_column": 6,
            "label": "not known here",
            "help": "known here: `format`, `name`, `title`, `description`, `on`, `limits`, `types`, `inputs`, `outputs`, `node`",
        })
    );
    assert_eq!((json[0]["column"].as_u64(), json[0]["end_column"].as_u64()), (Some(8), Some(14)));
    assert_eq!(findings[1].to_string(), "demo.melody.toml:3:1: error[unknown-key]: unknown key `color` in a melody");
}

#[test]
fn colours_are_only_drawn_when_asked_for() {
    let findings = findings("demo.melody.toml", "format = 2");
    assert!(!render(&findings, false).contains('\u{1b}'));
    assert!(render(&findings, true).contains('\u{1b}'));
}

#[test]
fn a_file_that_is_not_text_is_named() {
    let finding = Diagnostic::not_utf8("demo.melody.toml", 12, 2);
    let text = render(&[finding], false);
    let lines: Vec<_> = text.trim().lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "error[not-utf8]: the file is not UTF-8 text: the byte at offset 12 (line 2) is not part of a character",
            "--> demo.melody.toml",
            "|",
            "help: save the file as UTF-8; if it is a compiled melody, its name must end in `.melodyc`",
        ]
    );
}
