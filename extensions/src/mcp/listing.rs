//! What a server has, as it was listed once, and the file that keeps it.

use super::bridge::{LIST, SUBCOMMAND};
use super::{Declared, Tool, expand};
use crate::host::{Guard, launched};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The format of the file.
const FORMAT: u32 = 1;
/// The largest listing that is read.
const LARGEST: u64 = 16 << 20;
/// A server must have listed its tools within it, unless `MCP_TIMEOUT` says otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server may take to start. `MCP_TIMEOUT`, in milliseconds, is what other programs read for it; the first
/// start of a server that is fetched from a registry can be slow.
pub(super) fn patience() -> Duration {
    let told = std::env::var("MCP_TIMEOUT").ok().and_then(|text| text.trim().parse().ok());
    told.filter(|told| *told > 0).map_or(PATIENCE, Duration::from_millis)
}

/// What a server has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The name that it gives itself.
    pub server: String,
    /// Its version, as it says.
    pub version: String,
    /// The version of the protocol that was agreed on.
    pub protocol: String,
    /// It is of the era without handshake.
    pub modern: bool,
    /// Its tools, by name.
    pub tools: Vec<Tool>,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    #[serde(flatten)]
    listing: Listing,
}

impl Listing {
    /// The tool of a name.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// The server's version where it is a semantic one, else 0.0.0 with what it says behind it.
    pub fn semver(&self) -> semver::Version {
        let told = self.version.trim().trim_start_matches('v');
        // Dates such as 2026.08.31 are versions but for the zeros.
        let numbers: Option<Vec<u64>> = told.split('.').map(|part| part.parse().ok()).collect();
        match (semver::Version::parse(told), numbers.as_deref()) {
            (Ok(version), _) => version,
            (Err(_), Some([major])) => semver::Version::new(*major, 0, 0),
            (Err(_), Some([major, minor])) => semver::Version::new(*major, *minor, 0),
            (Err(_), Some([major, minor, patch])) => semver::Version::new(*major, *minor, *patch),
            _ => {
                let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
                let mut version = semver::Version::new(0, 0, 0);
                version.build =
                    semver::BuildMetadata::new(&told.chars().map(plain).collect::<String>()).unwrap_or_default();
                version
            }
        }
    }

    pub(super) fn to_json(&self) -> String {
        let kept = Kept { format: FORMAT, listing: self.clone() };
        serde_json::to_string(&kept).unwrap_or_default()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let kept: Kept = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if kept.format == FORMAT { Ok(kept.listing) } else { Err(format!("its format is {}", kept.format)) }
    }

    /// Reads a listing that was kept.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let mut text = String::new();
        let read = fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text));
        read.map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Keeps a listing: whole or not at all.
    pub(super) fn keep(&self, path: &Path) -> Result<(), String> {
        let keep = || {
            let folder = path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            // The folder ignores itself in git, as the state folder does that it may be the first part of.
            fs::write(folder.join(".gitignore"), "*\n")?;
            let new = path.with_extension(format!("{}.new", std::process::id()));
            let mut file = fs::File::create(&new)?;
            file.write_all(self.to_json().as_bytes())?;
            fs::rename(&new, path)
        };
        keep().map_err(|error: std::io::Error| format!("{}: {error}", path.display()))
    }
}

/// The file of a declaration below the folder of listings.
pub(super) fn file_of(folder: &Path, declared: &Declared) -> PathBuf {
    let digest = declared.digest();
    folder.join(format!("{}-{}.json", declared.name, digest.hex().get(..16).unwrap_or_default()))
}

/// Starts a server, lists what it has and ends it.
///
/// # Errors
/// Why not, with the server's last words.
pub(super) fn list(helper: &Path, working_dir: &Path, declared: &Declared) -> Result<Listing, String> {
    let known = |name: &str| std::env::var(name).ok();
    let expanded =
        |text: &String| expand(text, &known).map_err(|name| format!("the environment variable {name} is not set"));
    let words: Vec<String> = declared.words().iter().map(expanded).collect::<Result<_, _>>()?;
    let env: BTreeMap<&String, String> =
        declared.env.iter().map(|(name, text)| Ok((name, expanded(text)?))).collect::<Result<_, String>>()?;
    let folder = declared.folder.clone().unwrap_or_default();

    let mut command = launched(helper, 0, None, None);
    command.arg(helper).args([SUBCOMMAND, LIST]).arg(&folder).arg("--").args(&words).envs(env);
    command.current_dir(working_dir).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("the bridge cannot be started: {error}"))?;
    let guard = Guard::new(helper.to_owned());
    guard.watch(child.id());
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("the bridge has no pipes".to_owned());
    };
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.take(LARGEST).read_to_string(&mut text);
        text
    });
    // The bridge quotes the last words itself; the rest is of no interest here.
    std::thread::spawn(move || std::io::copy(&mut { stderr }, &mut std::io::sink()));
    let answered = wait(&mut child);
    // Whatever the server left behind is ended with its group.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    let _ = child.wait();
    drop(guard);
    if !answered {
        let cure = "MCP_TIMEOUT gives it more, in milliseconds";
        return Err(format!("it did not list its tools within {:?}; {cure}", patience()));
    }
    let text = reading.join().unwrap_or_default();
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|_| "the bridge ended without a word".to_owned())?;
    match json.get("error").and_then(serde_json::Value::as_str) {
        Some(error) => Err(Declared::secrets(&declared.env).iter().fold(error.to_owned(), |text, secret| {
            if secret.len() >= 4 { text.replace(secret.as_str(), "•••") } else { text }
        })),
        None => Listing::parse(&text),
    }
}

fn wait(child: &mut Child) -> bool {
    let (begun, patience) = (Instant::now(), patience());
    while begun.elapsed() < patience {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(version: &str) -> Listing {
        let tool = Tool {
            name: "a/B".into(),
            description: Some("x".into()),
            input: serde_json::json!({ "type": "object" }),
            output: None,
            idempotent: true,
        };
        let version = version.to_owned();
        Listing { server: "s".into(), version, protocol: "2025-11-25".into(), modern: false, tools: vec![tool] }
    }

    #[test]
    fn a_listing_is_kept_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp/x.json");
        listing("1.0.0").keep(&path).unwrap();
        assert_eq!(Listing::read(&path).unwrap(), listing("1.0.0"));
        assert_eq!(fs::read_to_string(folder.path().join("mcp/.gitignore")).unwrap(), "*\n");
        fs::write(&path, "{\"format\":1").unwrap();
        assert!(Listing::read(&path).unwrap_err().contains("x.json"));
    }

    #[test]
    fn versions_are_taken_as_they_come() {
        let version = |text: &str| listing(text).semver().to_string();
        assert_eq!(version("1.2.3-beta.1"), "1.2.3-beta.1");
        assert_eq!(version("v2.0"), "2.0.0");
        assert_eq!(version("2026.08.31"), "2026.8.31");
        assert_eq!(version("main (abc)"), "0.0.0+main--abc-");
        assert_eq!(version(""), "0.0.0");
    }

    #[test]
    fn a_tools_digest_follows_its_schemas_and_version() {
        let one = listing("1.0.0");
        let digest = |listing: &Listing| listing.tools[0].digest(&listing.semver());
        let mut other = listing("1.0.0");
        other.tools[0].description = Some("said in other words".into());
        assert_eq!(digest(&one), digest(&other));
        other.tools[0].input = serde_json::json!({ "type": "object", "properties": {} });
        assert_ne!(digest(&one), digest(&other));
        assert_ne!(digest(&one), digest(&listing("1.0.1")));
    }
}
