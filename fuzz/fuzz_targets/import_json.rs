//! Any bytes are imported or refused as JSON of any format: no panic, and what is imported is a melody that can be read.
//!
//! Seeds: small workflows of n8n, ComfyUI and WfFormat. The first byte chooses the format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use symphony_ecs_core::melody::{parse, render};
use symphony_interchange::{Format, import, wfformat};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let format = match first % 4 {
        0 => None,
        1 => Some(Format::WfFormat),
        2 => Some(Format::N8n),
        _ => Some(Format::ComfyUi),
    };
    let imported = match import("fuzz", rest, format) {
        Ok(imported) => imported,
        Err(refusal) => {
            assert!(!refusal.message.is_empty() && !refusal.help.is_empty(), "{refusal:?}");
            return;
        }
    };
    for file in imported.files.iter().filter(|file| file.name.ends_with(".melody.toml")) {
        let melody = match parse(&file.name, &file.text) {
            Ok(parsed) => parsed.melody,
            Err(found) => panic!("{}\n{}", render(&found, false), file.text),
        };
        if imported.report.format == Format::WfFormat {
            wfformat::read(&wfformat::export(&melody).0).unwrap_or_else(|refusal| panic!("{refusal}"));
        }
    }
});
