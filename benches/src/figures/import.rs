//! `import`: the largest file of each corpus, from its bytes to the text of the melody.

use super::Figure;
use crate::bench::Bench;
use crate::error::BenchError;
use crate::line::Goal;
use crate::meter::Stopwatch;
use crate::sample::Sample;
use std::fs;
use std::path::{Path, PathBuf};
use symphony_interchange::import;

pub const FIGURE: Figure =
    Figure { id: "import", what: "the largest WfFormat, n8n, ComfyUI and Graphviz file imported", measure, sample };

/// Folders of `SYMPHONY_DATA`.
const CORPORA: [&str; 4] = ["wfinstances", "n8n", "comfyui", "dot"];

fn measure(bench: &mut Bench) -> Result<(), BenchError> {
    for corpus in CORPORA {
        let best = bench.best("import", &[corpus], |sample| sample.cpu_ns)?;
        let (kib, nodes) = (best.get("bytes") / 1024.0, best.tasks);
        let what = format!("largest file of {corpus} ({kib:.0} KiB, {nodes:.0} nodes): bytes → melody");
        bench.alone("import", what, "ms", best.cpu_ns / 1e6, Goal::at_most(100.0));
    }
    Ok(())
}

fn sample(words: &[&str]) -> Result<Sample, BenchError> {
    let [corpus] = words else { return Err(super::unknown(words)) };
    let path = largest(corpus)?;
    let shown = path.display().to_string();
    let bytes = fs::read(&path).map_err(BenchError::io(&shown))?;
    let watch = Stopwatch::start();
    let imported = import("bench", &bytes, None);
    let (cpu, wall) = watch.read();
    let imported = imported.map_err(|refusal| BenchError::Wrong(format!("{shown}: {refusal}")))?;
    let tasks = imported.report.nodes as f64;
    let mut sample = Sample { cpu_ns: cpu as f64, wall_ns: wall as f64, tasks, ..Sample::default() };
    sample.more.insert("bytes".to_owned(), bytes.len() as f64);
    Ok(sample)
}

/// The largest file of a corpus that is a workflow. Indexes are none, and neither is what is broken on purpose.
fn largest(corpus: &str) -> Result<PathBuf, BenchError> {
    let Some(data) = std::env::var_os("SYMPHONY_DATA") else {
        return Err(BenchError::Wrong("set SYMPHONY_DATA to the folder of real inputs".to_owned()));
    };
    let mut files = Vec::new();
    gather(&Path::new(&data).join(corpus), &mut files)?;
    files.sort();
    let largest = files.into_iter().next_back().map(|(_, path)| path);
    largest.ok_or_else(|| BenchError::Wrong(format!("there is no file of {corpus} in SYMPHONY_DATA")))
}

fn gather(folder: &Path, files: &mut Vec<(u64, PathBuf)>) -> Result<(), BenchError> {
    let shown = folder.display().to_string();
    for entry in fs::read_dir(folder).map_err(BenchError::io(&shown))? {
        let entry = entry.map_err(BenchError::io(&shown))?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() && name != "invalid" {
            gather(&path, files)?;
        } else if (name.ends_with(".json") || name.ends_with(".gv")) && !name.starts_with("index") {
            let bytes = entry.metadata().map_err(BenchError::io(&shown))?.len();
            files.push((bytes, path));
        }
    }
    Ok(())
}
