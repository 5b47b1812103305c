//! A repository, and how git is asked about it: a fixed environment, no colours, no pager, no prompts, no programs
//! that a repository's own settings name.

use crate::bundled::ask::Ask;
use crate::bundled::process::{Ended, Stdin, run};
use crate::sdk::{Call, ErrorClass, Failure, Level, Reporter};
use std::path::PathBuf;
use std::process::Command;

/// A repository.
pub(super) struct Repository<'r> {
    folder: PathBuf,
    /// How the player speaks.
    pub report: &'r dyn Reporter,
}

impl<'r> Repository<'r> {
    /// The repository that `with.repo` names, else the one the working folder lies in.
    ///
    /// # Errors
    /// `io` when git is not installed, or when there is no repository.
    pub fn open(call: &Call, report: &'r dyn Reporter) -> Result<Self, Failure> {
        let folder = match call.maybe_text("repo")? {
            Some(repo) => call.working_dir.join(repo),
            None => call.working_dir.clone(),
        };
        let repository = Self { folder, report };
        if !repository.folder.is_dir() {
            let message = format!("{} is not a folder; check the setting `repo`", repository.folder.display());
            return Err(Failure::new(ErrorClass::Io, message));
        }
        let ended = repository.ask(&["rev-parse", "--git-dir"], Stdin::Empty)?;
        if ended.code() != 0 {
            let cure = "set `repo` to the folder of a git repository";
            let place = repository.folder.display();
            return Err(Failure::new(
                ErrorClass::Io,
                format!("{place} is no git repository ({}); {cure}", ended.tail()),
            ));
        }
        Ok(repository)
    }

    /// Runs git and hands back however it ended.
    pub fn ask(&self, arguments: &[&str], stdin: Stdin) -> Result<Ended, Failure> {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&self.folder)
            .args(["--no-pager", "--no-optional-locks", "--literal-pathspecs"])
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false"])
            .args(["-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8", "-c", "color.ui=false"])
            .args(["-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "-c", "diff.renames=true"])
            .args(arguments)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1");
        // Set while git runs a hook; they would lead to another repository than the one asked for.
        for name in
            ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX"]
        {
            command.env_remove(name);
        }
        for name in ["GIT_EXTERNAL_DIFF", "GIT_DIFF_OPTS", "GIT_TRACE", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"] {
            command.env_remove(name);
        }
        run(&mut command, stdin, self.report, &mut |_| {}).map_err(|failure| {
            if failure.class == ErrorClass::Io && failure.message.contains("cannot be started") {
                let cure = "install git (Debian: `apt-get install git`) or put it on PATH";
                return Failure::new(ErrorClass::Io, format!("{}; {cure}", failure.message));
            }
            failure
        })
    }

    /// Runs git, which must succeed, and hands back its output.
    pub fn read(&self, arguments: &[&str], stdin: Stdin) -> Result<Vec<u8>, Failure> {
        let ended = self.ask(arguments, stdin)?;
        if ended.code() == 0 {
            return Ok(ended.stdout);
        }
        let what = arguments.first().copied().unwrap_or_default();
        let message = format!("git {what} in {} failed: {}", self.folder.display(), ended.tail());
        Err(Failure::new(ErrorClass::Io, message))
    }

    /// The full name of the commit that a revision means, if there is one.
    pub fn commit(&self, revision: &str) -> Result<Option<String>, Failure> {
        let wanted = format!("{revision}^{{commit}}");
        let ended = self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted], Stdin::Empty)?;
        let name = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        Ok((ended.code() == 0 && !name.is_empty()).then_some(name))
    }

    /// The commit that a revision means; a failure that names it when there is none.
    pub fn must_commit(&self, revision: &str) -> Result<String, Failure> {
        self.commit(revision)?.ok_or_else(|| {
            let cure = "check its spelling; in a shallow clone, `git fetch --unshallow --tags` brings the rest";
            let place = self.folder.display();
            Failure::new(ErrorClass::Io, format!("{place} has no commit `{revision}`; {cure}"))
        })
    }

    /// A line for whoever watches.
    pub fn warn(&self, message: &str) {
        self.report.log(Level::Warn, message);
    }
}
