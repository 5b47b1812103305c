//! The state folder: where runs, artifacts and a project's own extensions lie.
//!
//! ```text
//! .symphony/
//!   .gitignore            `*`: the folder ignores itself
//!   runs/ID/journal.db    the run's journal
//!   runs/ID/lock          held by the process that plays the run
//!   runs/ID/control.sock  how other processes reach it
//!   runs/ID/decisions.jsonl  who had to wait for what is scarce, and why
//!   settings.toml         what is scarce here
//!   pit/                  what members of the Pit have learned
//!   artifacts/            content-addressed bytes, shared by all runs
//!   clean.db              results of finished calls, for the next run
//!   pit/                  what the members of the Pit have learned
//!   extensions/           players of this project
//!   mcp/                  tools of MCP servers, as they were listed
//!   triggers.db           what `up` has accepted and not finished
//!   up.lock up.token up.json  the process that watches triggers, the key to its API, where it listens
//! ```
//!
//! It stands at the root of the git repository, else in the current folder; `--state DIR` or `SYMPHONY_STATE` puts it
//! elsewhere. Commands that only read never make it.

use crate::failure::Failure;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use symphony_ecs_core::ids::RunId;

/// The state folder, which may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    root: PathBuf,
}

impl State {
    /// Where the state of the current folder lies, unless `chosen` says otherwise.
    pub fn locate(chosen: Option<&Path>) -> Result<Self, Failure> {
        let here = std::env::current_dir()
            .map_err(|error| Failure::state(format!("the current folder cannot be used: {error}")))?;
        let root = match chosen {
            Some(path) => here.join(path),
            None => home_of(&here).join(".symphony"),
        };
        Ok(Self { root })
    }

    /// Makes what is missing of it.
    pub fn make(&self) -> Result<(), Failure> {
        let make = |path: &Path, mode| {
            let made = fs::DirBuilder::new().recursive(true).mode(mode).create(path);
            made.map_err(|error| Failure::state_io(path, &error))
        };
        make(&self.root, 0o755)?;
        let ignore = self.root.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(|error| Failure::state_io(&ignore, &error))?;
        }
        // Inputs and outputs of runs are nobody else's business.
        make(&self.runs(), 0o700)?;
        make(&self.artifacts(), 0o700)?;
        make(&self.extensions(), 0o755)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of all runs.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The folder of the Artifact Store.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// The folder of this project's own extensions.
    pub fn extensions(&self) -> PathBuf {
        self.root.join("extensions")
    }

    /// What MCP servers were seen to have.
    pub fn listings(&self) -> PathBuf {
        self.root.join("mcp")
    }

    /// What triggers have accepted.
    pub fn triggers(&self) -> PathBuf {
        self.root.join("triggers.db")
    }

    /// A file of the process that watches triggers: `lock`, `token`, `json`.
    pub fn up(&self, what: &str) -> PathBuf {
        self.root.join(format!("up.{what}"))
    }

    /// The folder of a run.
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    /// Where the run's owner listens.
    pub fn control_socket(&self, run: &RunId) -> PathBuf {
        self.run(run).join("control.sock")
    }

    /// All runs, oldest first (ids sort by birth).
    pub fn run_ids(&self) -> Result<Vec<RunId>, Failure> {
        let folder = self.runs();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::state_io(&folder, &error)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Failure::state_io(&folder, &error))?;
            let name = entry.file_name();
            if entry.path().is_dir()
                && let Some(run) = name.to_str().and_then(RunId::parse)
            {
                runs.push(run);
            }
        }
        runs.sort();
        Ok(runs)
    }

    /// The run that a person means: its id, an unmistakable beginning or ending of it, or `last`.
    pub fn find_run(&self, word: &str) -> Result<RunId, Failure> {
        let mut runs = self.run_ids()?;
        let listing = "`symphony runs` lists them";
        if word == "last" {
            return runs.pop().ok_or_else(|| {
                Failure::usage(format!("there are no runs in {}", self.root.display()))
                    .help("`symphony play MELODY` makes one; --state DIR looks elsewhere")
            });
        }
        if let Some(place) = runs.iter().position(|run| run.as_str() == word) {
            return Ok(runs.swap_remove(place));
        }
        // Ids of one hour share their beginnings, so endings are accepted as well.
        let meant = |run: &RunId| word.len() >= 4 && (run.as_str().starts_with(word) || run.as_str().ends_with(word));
        runs.retain(meant);
        match runs.len() {
            1 => Ok(runs.swap_remove(0)),
            0 => Err(Failure::usage(format!("there is no run `{word}` in {}", self.root.display())).help(listing)),
            many => Err(Failure::usage(format!("`{word}` could be any of {many} runs")).help(listing)),
        }
    }
}

/// The root of the git repository around a folder, else the folder.
fn home_of(here: &Path) -> &Path {
    here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(here)
}

/// The person's own settings: `$XDG_CONFIG_HOME/symphony`, if the environment says where the person lives.
pub fn user_config() -> Option<PathBuf> {
    let chosen = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = chosen.or_else(|| std::env::home_dir().map(|home| home.join(".config")))?;
    Some(folder.join("symphony"))
}

/// The person's own folder of extensions, models and policies: `$XDG_DATA_HOME/symphony`, if the environment says where
/// the person lives.
pub fn user_data() -> Option<PathBuf> {
    let chosen = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = chosen.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))?;
    Some(folder.join("symphony"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State { root: folder.path().join(".symphony") };
        (folder, state)
    }

    #[test]
    fn it_ignores_itself_and_keeps_runs_private() {
        let (_folder, state) = state();
        state.make().unwrap();
        state.make().unwrap();
        assert_eq!(fs::read_to_string(state.root().join(".gitignore")).unwrap(), "*\n");
        assert_eq!(fs::metadata(state.runs()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn reading_makes_nothing() {
        let (_folder, state) = state();
        assert_eq!(state.run_ids().unwrap(), []);
        assert!(state.find_run("last").unwrap_err().to_string().contains("there are no runs"));
        assert!(!state.root().exists());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let (_folder, state) = state();
        fs::write(state.root(), "").unwrap();
        let text = state.make().unwrap_err().to_string();
        assert!(text.contains(".symphony"), "{text}");
        assert!(text.contains("--state DIR"), "{text}");
    }

    #[test]
    fn runs_are_found_by_id_by_part_and_as_the_last() {
        let (_folder, state) = state();
        for run in ["r0001aaaa", "r0001bbbb", "r0002cccc", "not a run"] {
            fs::create_dir_all(state.runs().join(run)).unwrap();
        }
        let found = |word: &str| state.find_run(word).map(|run| run.as_str().to_owned()).map_err(|e| e.to_string());
        assert_eq!(state.run_ids().unwrap().len(), 3);
        assert_eq!(found("last").unwrap(), "r0002cccc");
        assert_eq!(found("r0001bbbb").unwrap(), "r0001bbbb");
        assert_eq!(found("bbbb").unwrap(), "r0001bbbb");
        assert_eq!(found("r0002").unwrap(), "r0002cccc");
        assert!(found("r0001").unwrap_err().contains("could be any of 2 runs"));
        assert!(found("../x").unwrap_err().contains("there is no run"));
    }

    #[test]
    fn the_repository_around_a_folder_is_its_home() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(home_of(&deep), deep);
        // A worktree has a file where a repository has a folder.
        fs::write(folder.path().join(".git"), "gitdir: elsewhere").unwrap();
        assert_eq!(home_of(&deep), folder.path());
    }
}
