//! `symphony doctor`: looks at what a run needs, and says what is missing and how to mend it.

use crate::exit::Exit;
use crate::failure::Failure;
use crate::players::Listing;
use crate::state::{State, user_data};
use clap::Args;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use symphony_ecs_core::ports::{CatalogError, JournalError};
use symphony_extensions::manifest::Manifest;
use symphony_systems::journal;

/// Disks with less free space than this get a warning.
const LITTLE_SPACE: u64 = 1 << 30;

/// Say what is missing on this machine, and how to mend it
///
/// Looks at the state folder, its journals and their owners, the programs that players need, the players' manifests and
/// the declared MCP servers. Changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  symphony doctor
  symphony doctor --json")]
pub struct Doctor {
    /// Print the findings as one JSON object
    #[arg(long)]
    json: bool,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Good,
    /// Something that some melodies may miss.
    Warning,
    /// Something that keeps runs from playing.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    what: String,
    health: Health,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Finding {
    fn good(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what: what.into(), health: Health::Good, detail: detail.into(), help: None, exit: Exit::Completed }
    }

    fn warning(what: impl Into<String>, detail: impl Into<String>, help: impl Into<String>) -> Self {
        Self { health: Health::Warning, help: Some(help.into()), ..Self::good(what, detail) }
    }

    fn bad(exit: Exit, what: impl Into<String>, detail: impl Into<String>, help: impl Into<String>) -> Self {
        Self { health: Health::Bad, help: Some(help.into()), exit, ..Self::good(what, detail) }
    }
}

impl Doctor {
    pub fn run(self, state: &State) -> Result<Exit, Failure> {
        let mut findings = vec![Finding::good("symphony", env!("CARGO_PKG_VERSION"))];
        findings.extend([state_folder(state), free_space(state)]);
        findings.extend(runs(state));
        findings.push(program("git", "operator:git and the release-notes example need it"));
        findings.push(program("python3", "Python players and operator:python need it"));
        findings.extend(players(state));
        findings.extend(servers(state));
        let text = if self.json {
            let mut text = serde_json::to_string(&serde_json::json!({ "findings": findings })).unwrap_or_default();
            text.push('\n');
            text
        } else {
            findings.iter().map(words).collect()
        };
        super::print(text.as_bytes())?;
        // The first bad finding decides, so that scripts see what to look at.
        Ok(findings.iter().find(|finding| finding.health == Health::Bad).map_or(Exit::Completed, |bad| bad.exit))
    }
}

fn words(finding: &Finding) -> String {
    let glyph = match finding.health {
        Health::Good => console::style("✔").green(),
        Health::Warning => console::style("!").yellow(),
        Health::Bad => console::style("✘").red(),
    };
    let help = finding.help.as_ref().map(|help| format!("    {help}\n")).unwrap_or_default();
    format!("{glyph} {}: {}\n{help}", finding.what, finding.detail)
}

/// Whether the state folder can be written, or made.
fn state_folder(state: &State) -> Finding {
    let what = "state folder";
    let root = state.root();
    let existing = root.ancestors().find(|folder| folder.exists()).unwrap_or(root);
    let help = "make it writable, or put the state elsewhere with --state DIR (or SYMPHONY_STATE)";
    if !existing.is_dir() {
        return Finding::bad(Exit::State, what, format!("{} is not a folder", existing.display()), help);
    }
    // Permission bits do not tell of read-only disks; asking the kernel does.
    let access = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    match (access, existing == root) {
        (Err(error), _) => Finding::bad(Exit::State, what, format!("{}: {error}", existing.display()), help),
        (Ok(()), true) => Finding::good(what, root.display().to_string()),
        (Ok(()), false) => Finding::good(what, format!("{} (made by the first run)", root.display())),
    }
}

fn free_space(state: &State) -> Finding {
    let what = "free space";
    let folder = state.root().ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(folder) {
        Err(error) => Finding::warning(what, format!("{}: {error}", folder.display()), "look at the disk"),
        Ok(disk) => {
            let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
            let detail = format!("{:.1} GiB on the disk of {}", bytes as f64 / f64::from(1 << 30), folder.display());
            if bytes < LITTLE_SPACE {
                return Finding::warning(what, detail, "free some, or put the state elsewhere with --state DIR");
            }
            Finding::good(what, detail)
        }
    }
}

/// Journals that cannot be read, and runs that somebody plays now.
fn runs(state: &State) -> Vec<Finding> {
    let runs = match state.run_ids() {
        Ok(runs) => runs,
        Err(failure) => {
            let detail = failure.to_string();
            let detail = detail.strip_prefix("error: ").unwrap_or(&detail).to_owned();
            return vec![Finding::bad(Exit::State, "runs", detail, "make the folder readable")];
        }
    };
    let mut findings = Vec::new();
    let mut playing = 0;
    for run in &runs {
        let folder = state.run(run);
        if journal::owner(&folder).is_some() {
            playing += 1;
        }
        let Err(error) = journal::Reader::open(&folder) else { continue };
        let help = match &error {
            JournalError::Newer { .. } => "use the version of symphony that wrote it".to_owned(),
            JournalError::Damaged { .. } => {
                format!(
                    "`symphony show {run}` prints what is intact; play the melody anew, or restore {}",
                    folder.display()
                )
            }
            JournalError::Io { .. } | JournalError::Locked { .. } => {
                format!("look at {}; a folder without a journal can be deleted", folder.display())
            }
        };
        findings.push(Finding::bad(Exit::State, format!("run {run}"), error.to_string(), help));
    }
    let detail = match (runs.len(), playing) {
        (0, _) => "none yet".to_owned(),
        (all, 0) => format!("{all}, none is playing"),
        (all, playing) => format!("{all}, {playing} playing"),
    };
    findings.insert(0, Finding::good("runs", detail));
    findings
}

fn program(name: &str, needed: &str) -> Finding {
    let output = Command::new(name).arg("--version").stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Finding::good(name, text.lines().next().unwrap_or_default().trim())
        }
        Ok(output) => Finding::warning(name, format!("`{name} --version` ended with {}", output.status), needed),
        Err(_) => Finding::warning(name, "not found on the PATH", format!("install it if you use it: {needed}")),
    }
}

/// The manifests of the project's and the person's own players.
fn players(state: &State) -> Vec<Finding> {
    let mut folders: Vec<PathBuf> = vec![state.extensions()];
    folders.extend(user_data().map(|folder| folder.join("extensions")));
    let mut findings = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut players: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        players.sort();
        findings.extend(players.iter().map(|path| player(path)));
    }
    if findings.is_empty() {
        findings.push(Finding::good("players", "bundled ones only"));
    }
    findings
}

fn player(folder: &Path) -> Finding {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let what = format!("player {name}");
    match Manifest::read(folder) {
        Err(error) => Finding::bad(Exit::Player, what, error.to_string(), error.help),
        Ok(manifest) => {
            let program = manifest.runtime.command.first().cloned().unwrap_or_default();
            if found(&program, folder) {
                return Finding::good(what, format!("{} {}", manifest.player(), manifest.version));
            }
            let detail = format!("{}: its program `{program}` is not found", manifest.player());
            Finding::bad(Exit::Player, what, detail, "install it, or correct `command` in its Symphony.toml")
        }
    }
}

/// The MCP servers that are declared for melodies of this folder. None is started.
fn servers(state: &State) -> Vec<Finding> {
    let (servers, broken) = crate::players::servers(state, Path::new("melody"), Listing::Kept).overview();
    let help = |error: &CatalogError| error.help.clone().unwrap_or_default();
    let bad = |error: CatalogError| Finding::warning("MCP servers", error.message.clone(), help(&error));
    let findings = servers.into_iter().map(|server| {
        let what = format!("MCP server {}", server.name);
        let declared = match server.declared {
            Ok(declared) => declared,
            Err(error) => return Finding::warning(what, error.message.clone(), help(&error)),
        };
        let from = declared.file.display();
        let folder = declared.folder.clone().unwrap_or_default();
        if !found(&declared.command, &folder) && !declared.command.contains("${") {
            let detail = format!("its program `{}` is not found", declared.command);
            return Finding::warning(what, detail, format!("install it, or correct `command` in {from}"));
        }
        let seen = server.listing.map_or_else(
            || "its tools were not listed yet".to_owned(),
            |listing| format!("{} tools, protocol {}", listing.tools.len(), listing.protocol),
        );
        Finding::good(what, format!("{seen} ({from})"))
    });
    broken.into_iter().map(bad).chain(findings).collect()
}

/// Whether a program can be started: by its path from the player's folder, or by name on the PATH.
fn found(program: &str, folder: &Path) -> bool {
    let runs = |path: &Path| path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return runs(&folder.join(program));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|bin| runs(&bin.join(program)))
}
