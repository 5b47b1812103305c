//! Any bytes are imported or refused as a graph of Graphviz: no panic, and what is imported is a melody that can be
//! read.
//!
//! Seeds: any `.gv` files: `cargo +nightly fuzz run import_dot fuzz/corpus/import_dot FOLDER`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use symphony_ecs_core::melody::{parse, render};
use symphony_interchange::{Format, import};

fuzz_target!(|data: &[u8]| {
    let Ok(imported) = import("fuzz", data, Some(Format::Dot)) else { return };
    assert!(imported.report.nodes > 0);
    for file in &imported.files {
        if let Err(found) = parse(&file.name, &file.text) {
            panic!("{}\n{}", render(&found, false), file.text);
        }
    }
});
