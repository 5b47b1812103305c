//! How long a check takes, and that it grows with the melody and no faster.

use super::super::check_parsed;
use super::*;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A melody of layers: each node takes three outputs of the layer before (two by reference, one in its condition).
fn layered(nodes: usize) -> String {
    let mut text = melody("[inputs]\nx = { type = \"text\", default = \"\" }\n");
    for node in 0..nodes {
        let _ = write!(text, "[node.n{node}]\nuses = \"instrument:large/chat\"\nwith = {{ temperature = 0.5 }}\n");
        if node < 100 {
            text.push_str("in = { prompt = \"inputs.x\" }\n");
        } else {
            let (a, b, c) = (node - 100, node - 99, node - 98);
            let _ = write!(text, "in = {{ prompt = \"n{a}.text\", more = \"n{b}.score\" }}\nif = \"has(n{c}.text)\"\n");
        }
    }
    text
}

/// The shortest of a few checks, without reading.
fn time(nodes: usize) -> Duration {
    let parsed = crate::melody::parse("test.melody.toml", &layered(nodes)).unwrap();
    let (texts, players) = (Texts(BTreeMap::new()), players());
    let once = || {
        let melody = parsed.melody.clone();
        let start = Instant::now();
        assert!(check_parsed(&texts, melody, Vec::new(), &players).is_ok());
        start.elapsed()
    };
    (0..5).map(|_| once()).min().unwrap()
}

#[test]
fn a_check_grows_with_the_melody() {
    let (small, large) = (time(2_000), time(16_000));
    println!("check of 2,000 nodes / 6,000 edges: {small:?}; of 16,000 nodes: {large:?}");
    assert!(small < Duration::from_secs(2), "{small:?}");
    assert!(large < small * 8 * 4, "{small:?} → {large:?}");
}
