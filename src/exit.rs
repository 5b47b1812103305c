//! Exit codes: what the program tells its caller when it ends. `docs/src/exit-codes.md` is the same table for people.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done; a run completed.
    #[default]
    Completed = 0,
    /// The run failed or halted (`show` says where), melodies or runs differ, a test does not hold.
    RunFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The melody, or the file to import, has errors or cannot be read.
    Melody = 3,
    /// The state folder or a journal: locked, damaged, newer, read-only, full.
    State = 4,
    /// A player cannot be set up: its manifest is broken, its program is missing.
    Player = 5,
    /// The run was cancelled, or interrupted and can be resumed.
    Interrupted = 130,
}

impl Exit {
    /// The table for `symphony --help`.
    pub const TABLE: &str = "\
Exit codes:
    0  done; the run completed
    1  the run failed or halted (`symphony show` says where); `diff`: something differs; `test`: a case does not hold
    2  the command line is wrong
    3  the melody, or the file to import, has errors or cannot be read
    4  the state folder or a journal is locked, damaged, newer, read-only or full
    5  a player cannot be set up
  130  the run was cancelled, or interrupted and can be resumed";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
