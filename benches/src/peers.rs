//! The peers that are programs of their own: where they lie and what they are called. See `benches/peers/README.md`.

use crate::error::BenchError;
use crate::sample::{self, Sample};
use std::path::PathBuf;

/// A peer outside this program.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its name in a line.
    pub name: &'static str,
    program: &'static str,
}

/// oneTBB flow graph, C++.
pub const TBB: Peer = Peer { name: "oneTBB", program: "tbb-peer" };
/// dagx, Rust on Tokio.
pub const DAGX: Peer = Peer { name: "dagx", program: "dagx-peer" };
/// Dask, Python.
pub const DASK: Peer = Peer { name: "Dask", program: "dask-peer" };
/// SimPy, Python.
pub const SIMPY: Peer = Peer { name: "SimPy", program: "simpy-peer" };
/// LangGraph, Python.
pub const LANGGRAPH: Peer = Peer { name: "LangGraph", program: "langgraph-peer" };

impl Peer {
    /// Its program, if `benches/peers/setup` has installed it.
    pub fn path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("peers/.build").join(self.program);
        path.exists().then_some(path)
    }

    /// One run of it; `None` when it is not installed.
    pub fn sample(&self, words: &[&str]) -> Result<Option<Sample>, BenchError> {
        self.path().map(|path| sample::of_program(&path, words)).transpose()
    }
}
