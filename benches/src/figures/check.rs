//! `check`: reading and checking a melody of 2,000 nodes and 6,000 edges, as text.

use super::Figure;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::fmt::Write as _;
use std::sync::Arc;
use symphony_ecs_core::melody::check::check;
use symphony_ecs_core::melody::model::PlayerRef;
use symphony_ecs_core::melody::sources::Sources;
use symphony_ecs_core::ports::{Catalog, CatalogError, Operation, Port};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Digest;

pub const FIGURE: Figure =
    Figure { id: "check", what: "a melody of 2,000 nodes / 6,000 edges read and checked", measure, sample };

const NODES: usize = 2_000;
const WIDTH: usize = 100;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let best = bench.best("check", &[], |sample| sample.cpu_ns)?;
    let what = format!("TOML read and checked: 2,000 nodes / 6,000 edges, {:.0} KiB", best.get("bytes") / 1024.0);
    bench.alone("check", what, "ms", best.cpu_ns / 1e6, Goal::at_most(50.0));
    Ok(())
}

fn sample(_: &[&str]) -> Result<Sample, BenchError> {
    let text = melody();
    let catalog = OneModel::new();
    let watch = Stopwatch::start();
    let checked = check(&NoFiles, "bench.melody.toml", &text, &catalog);
    let (cpu, wall) = watch.read();
    let checked = checked.map_err(|found| {
        let first = found.first().map(|found| found.message.clone()).unwrap_or_default();
        BenchError::Wrong(format!("the melody has {} findings, the first: {first}", found.len()))
    })?;
    let nodes = checked.melodies.first().map_or(0, |melody| melody.nodes.len());
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks: nodes as f64, ..Sample::default() };
    sample.more.insert("bytes".to_owned(), text.len() as f64);
    Ok(sample)
}

/// Layers of nodes; each takes two outputs of the layer before by reference and one in its condition, and those of
/// the first layer take the melody's input.
fn melody() -> String {
    let mut text = "format = 1\nname = \"bench\"\n[inputs]\nx = { type = \"text\", default = \"\" }\n".to_owned();
    for node in 0..NODES + WIDTH {
        let _ = writeln!(text, "\n[node.n{node}]\nuses = \"instrument:bench/chat\"\nwith = {{ temperature = 0.5 }}");
        if node < WIDTH {
            text.push_str("in = { prompt = \"inputs.x\" }\n");
        } else {
            let (a, b, c) = (node - WIDTH, node - WIDTH + 1, node - WIDTH + 2);
            let _ = writeln!(text, "in = {{ prompt = \"n{a}.text\", more = \"n{b}.score\" }}\nif = \"has(n{c}.text)\"");
        }
    }
    text
}

struct NoFiles;

impl Sources for NoFiles {
    fn read(&self, _from: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("{path}: no such file"))
    }
}

/// Knows `instrument:bench/chat`.
struct OneModel(Arc<Operation>);

impl OneModel {
    fn new() -> Self {
        let port = |name: &str, ty: PortType| Port { name: name.to_owned(), ty, required: true };
        let settings = serde_json::json!({
            "type": "object", "additionalProperties": false,
            "properties": { "temperature": { "type": "number", "minimum": 0, "maximum": 2 } }
        });
        Self(Arc::new(Operation {
            name: "instrument:bench/chat".to_owned(),
            version: semver::Version::new(1, 0, 0),
            digest: Digest::of(b"bench"),
            origin: "bench".to_owned(),
            inputs: vec![port("prompt", PortType::Text)],
            open_inputs: true,
            outputs: vec![port("text", PortType::Text), port("score", PortType::Float)],
            open_outputs: false,
            settings: Some(settings),
            in_process: false,
            idempotent: true,
            reuse: Default::default(),
            worst_cost_micros: None,
            worst_tokens: None,
            max_parallel: None,
            timeout: None,
        }))
    }
}

impl Catalog for OneModel {
    fn operation(&self, player: &PlayerRef) -> Result<Arc<Operation>, CatalogError> {
        match player.name.as_str() {
            "bench" => Ok(Arc::clone(&self.0)),
            name => Err(CatalogError { message: format!("no player `{name}`"), help: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_melody_is_what_the_figure_says() {
        let sample = super::sample(&[]).unwrap();
        assert!(sample.tasks >= 2_000.0);
    }
}
