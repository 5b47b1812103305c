//! Any text is read or refused: no panic, findings within the text, and what is read survives its JSON.
//!
//! Seeds are the melodies in `ecs-core/tests/melodies` and `ecs-core/tests/diagnostics`:
//! `cargo +nightly fuzz run melody_format fuzz/corpus/melody_format ecs-core/tests/melodies ecs-core/tests/diagnostics`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use symphony_ecs_core::melody::{Diagnostic, Parsed, from_json, parse, render, to_json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    any_text_is_fine(text, parse("fuzz.melody.toml", text));
    any_text_is_fine(text, from_json("fuzz.json", text));
});

fn any_text_is_fine(text: &str, read: Result<Parsed, Vec<Diagnostic>>) {
    let (findings, melody) = match read {
        Ok(Parsed { melody, warnings }) => (warnings, Some(melody)),
        Err(findings) => {
            assert!(findings.iter().any(Diagnostic::is_error), "refused without an error");
            (findings, None)
        }
    };
    for finding in &findings {
        for span in finding.span.iter().chain(finding.related.iter().map(|(span, _)| span)) {
            assert!(text.get(span.clone()).is_some(), "{finding:?}");
        }
    }
    let _ = render(&findings, false);
    if let Some(melody) = melody {
        let json = to_json(&melody);
        let again = from_json("again.json", &json.to_string());
        let again = again.unwrap_or_else(|findings| panic!("{}", render(&findings, false)));
        assert_eq!(to_json(&again.melody), json);
    }
}
