//! `operator:git/{log,diff,show}`: what a repository remembers, read with the machine's `git`.
//!
//! Nothing here writes to a repository. Works in shallow clones, with a detached head and in a repository without a
//! commit. A revision that a person names can never become an option of the command line.

mod diff;
mod log;
mod repository;

use super::ask::refused;
use crate::sdk::{Call, Failure, Outcome, Player, Reporter};
use repository::Repository;

/// The player.
pub(super) struct Git;

impl Player for Git {
    fn play(&self, call: &Call, report: &dyn Reporter) -> Result<Outcome, Failure> {
        let repository = Repository::open(call, report)?;
        match call.operation.as_str() {
            "log" => log::log(call, &repository),
            "diff" => diff::diff(call, &repository),
            "show" => diff::show(call, &repository),
            other => Err(refused(format!("git has no operation `{other}`; it has log, diff, show"))),
        }
    }
}

#[cfg(test)]
mod trial {
    //! A repository made for a test.

    use std::path::Path;
    use std::process::Command;
    use tempfile::TempDir;

    /// Runs git in a folder, with fixed names and dates.
    pub fn git(folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(folder)
            .args(["-c", "user.name=Ada Löve", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"])
            .args(["-c", "commit.gpgsign=false", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .env("GIT_AUTHOR_DATE", "2024-05-01T10:00:00+02:00")
            .env("GIT_COMMITTER_DATE", "2024-05-01T10:00:00+02:00")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes a file and commits it.
    pub fn commit(folder: &Path, file: &str, content: &str, message: &str) {
        std::fs::write(folder.join(file), content).unwrap();
        git(folder, &["add", "-A"]);
        git(folder, &["commit", "-q", "-m", message]);
    }

    /// A repository with three commits, tagged `v1` at the second.
    pub fn repository() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        commit(folder.path(), "a.txt", "one\n", "Add a\n\nWith a body\nof two lines.");
        commit(folder.path(), "b ü.txt", "two\n", "Add b");
        git(folder.path(), &["tag", "v1"]);
        commit(folder.path(), "a.txt", "one\nmore\n", "Fix \"a\"\tquickly");
        folder
    }
}
