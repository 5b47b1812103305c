//! What is taken, and what it becomes.

use super::*;
use crate::melody::render;

const SAMPLES: [&str; 2] = [
    include_str!("../../../tests/melodies/review-and-ship.melody.toml"),
    include_str!("../../../tests/melodies/everything.melody.toml"),
];

fn read(text: &str) -> Parsed {
    parse("test.melody.toml", text).unwrap_or_else(|findings| panic!("{}", render(&findings, false)))
}

#[test]
fn the_samples_are_read_without_a_finding() {
    for sample in SAMPLES {
        assert_eq!(read(sample).warnings, []);
    }
}
