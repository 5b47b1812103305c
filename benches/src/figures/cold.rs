//! `cold`: a whole process that plays a melody of a hundred nodes of in-process work, from its start to its exit.
//!
//! The program is the one that was built beside this one: `cargo build --release`.

use super::Figure;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter;
use crate::sample::Sample;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

pub const FIGURE: Figure =
    Figure { id: "cold", what: "`symphony play` of 100 builtin nodes, the whole process", measure, sample };

const NODES: usize = 100;

/// Processes whose processor time is measured together: the kernel tells it in hundredths of a second.
const PLAYS: usize = 10;

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    let best = bench.best("cold", &[], |sample| sample.cpu_ns)?;
    let what = |time: &str| format!("`symphony play`, {NODES} builtin nodes, whole process with its journal: {time}");
    bench.alone("cold", what("processor"), "ms", best.cpu_ns / 1e6, Goal::at_most(50.0));
    bench.alone("cold", what("wall"), "ms", best.wall_ns / 1e6, Goal::at_most(50.0));
    Ok(())
}

fn sample(_: &[&str]) -> Result<Sample, BenchError> {
    let program = program()?;
    let folder = tempfile::tempdir_in(program.parent().unwrap_or(Path::new(".")));
    let folder = folder.map_err(BenchError::io("a folder for the run"))?;
    let melody = folder.path().join("cold.melody.toml");
    std::fs::write(&melody, text(NODES)).map_err(BenchError::io("the melody"))?;
    let before = meter::children_cpu_ns();
    let mut shortest = f64::INFINITY;
    for _ in 0..PLAYS {
        let begun = Instant::now();
        let done = Command::new(&program)
            .arg("--state")
            .arg(folder.path().join("state"))
            .arg("play")
            .arg(&melody)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .map_err(BenchError::io(program.display().to_string()))?;
        shortest = shortest.min(begun.elapsed().as_nanos() as f64);
        if !done.status.success() {
            let words = String::from_utf8_lossy(&done.stderr).into_owned();
            return Err(BenchError::Failed { program: program.display().to_string(), status: done.status, words });
        }
    }
    let cpu = (meter::children_cpu_ns() - before) as f64 / PLAYS as f64;
    Ok(Sample { cpu_ns: cpu, wall_ns: shortest, tasks: NODES as f64, ..Sample::default() })
}

/// The program beside this one.
fn program() -> Result<PathBuf, BenchError> {
    let this = std::env::current_exe().map_err(BenchError::io("this program's own path"))?;
    let program = this.with_file_name("symphony");
    match program.exists() {
        true => Ok(program),
        false => Err(BenchError::Wrong(format!("{} is missing: cargo build --release", program.display()))),
    }
}

/// Ten chains of ten templates: each takes the text of the one before it.
fn text(nodes: usize) -> String {
    let mut text = "format = 1\nname = \"cold\"\n".to_owned();
    for node in 0..nodes {
        let _ = writeln!(text, "\n[node.n{node}]\nuses = \"builtin:template/render\"");
        if node < 10 {
            let _ = writeln!(text, "with = {{ template = \"note {node}\" }}");
        } else {
            let above = node - 10;
            let _ =
                writeln!(text, "in = {{ above = \"n{above}.text\" }}\nwith = {{ template = \"{{{{ above }}}}.\" }}");
        }
    }
    text
}
