//! The peers that are programs of their own: where they lie and what they are called. See `benches/peers/README.md`.

use crate::error::BenchError;
use crate::sample::{self, Sample};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A peer outside this program.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its name in a line.
    pub name: &'static str,
    program: &'static str,
    /// A script that any Python plays, below `benches/peers`; nothing is installed for it.
    script: Option<&'static str>,
}

/// oneTBB flow graph, C++.
pub const TBB: Peer = Peer { name: "oneTBB", program: "tbb-peer", script: None };
/// dagx, Rust on Tokio.
pub const DAGX: Peer = Peer { name: "dagx", program: "dagx-peer", script: None };
/// Dask, Python.
pub const DASK: Peer = Peer { name: "Dask", program: "dask-peer", script: None };
/// SimPy, Python.
pub const SIMPY: Peer = Peer { name: "SimPy", program: "simpy-peer", script: None };
/// LangGraph, Python.
pub const LANGGRAPH: Peer = Peer { name: "LangGraph", program: "langgraph-peer", script: None };

/// `graphlib` of Python's standard library.
pub const GRAPHLIB: Peer = Peer { name: "graphlib", program: "python3", script: Some("python/graphlib_peer.py") };

impl Peer {
    /// Its program, if `benches/peers/setup` has installed it.
    pub fn path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers/.build").join(self.program);
        path.exists().then_some(path)
    }

    /// One run of it; `None` when it is not installed.
    pub fn sample(&self, words: &[&str]) -> Result<Option<Sample>, BenchError> {
        if let Some(script) = self.script {
            let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
            let there =
                Command::new(self.program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !there.is_ok_and(|status| status.success()) {
                return Ok(None);
            }
            let script = script.to_string_lossy();
            let words = ["-B", &script].into_iter().chain(words.iter().copied());
            return sample::of_program(Path::new(self.program), words).map(Some);
        }
        self.path().map(|path| sample::of_program(&path, words)).transpose()
    }
}
