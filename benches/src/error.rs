//! What can go wrong while a figure is measured.

/// Why a figure could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A process could not be started, or its files not be written.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A process ended badly.
    #[error("{program} ended with {status}: {words}")]
    Failed {
        /// Which.
        program: String,
        /// Its status.
        status: std::process::ExitStatus,
        /// The end of what it said.
        words: String,
    },
    /// A process answered something else than one line of JSON.
    #[error("an answer could not be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// Ours and the peer came to different results: they did not do the same work.
    #[error("{what}: ours came to {ours}, {peer_name} to {peer}")]
    Differs {
        /// What was computed.
        what: String,
        /// Our checksum.
        ours: i64,
        /// The peer.
        peer_name: String,
        /// Its checksum.
        peer: i64,
    },
    /// A measured play did not come to its end as it should.
    #[error("{0}")]
    Wrong(String),
}

impl BenchError {
    /// Says what was tried when an operation of the system failed.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
