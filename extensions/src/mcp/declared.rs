//! Servers as people declare them: `.mcp.json` beside the melody or above it up to the project's root, and
//! `$XDG_CONFIG_HOME/symphony/mcp.json`.
//!
//! ```json
//! { "mcpServers": { "time": { "command": "uvx", "args": ["mcp-server-time"], "env": { "TOKEN": "${TOKEN}" } } } }
//! ```
//!
//! Only what stands here is ever started.

use super::expand::{expand, sole_variable};
use crate::manifest::{listing, nearest};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use symphony_ecs_core::ports::CatalogError;
use symphony_ecs_core::value::{Digest, Value};

/// The project's file.
const FILE: &str = ".mcp.json";
/// The largest file that is read.
const LARGEST: u64 = 1 << 20;
/// Variables whose values are no secrets.
const PLAIN: [&str; 9] = ["HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "USER"];

/// A server, as its declaration says it; variables are not put in yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The name by which melodies call it.
    pub name: String,
    /// The program.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beyond the handful of variables that every player gets.
    pub env: BTreeMap<String, String>,
    /// The folder that it starts in, if not the one that the run plays in.
    pub folder: Option<PathBuf>,
    /// The file that declares it.
    pub file: PathBuf,
}

impl Declared {
    /// Program and arguments.
    pub fn words(&self) -> Vec<String> {
        std::iter::once(&self.command).chain(&self.args).cloned().collect()
    }

    /// What makes this declaration this one. Values of variables are not part of it, so no secret is.
    pub fn digest(&self) -> Digest {
        let texts = |texts: Vec<String>| Value::list(texts.into_iter().map(Value::text).collect());
        let folder = self.folder.as_ref().map(|folder| folder.to_string_lossy().into_owned());
        Value::map([
            ("words", texts(self.words())),
            ("env", texts(self.env.keys().cloned().collect())),
            ("folder", folder.map(Value::text).unwrap_or_default()),
        ])
        .digest()
    }

    /// The values of its environment that nobody shall read in a log: those that come from a variable, and those whose
    /// name says that they are secret.
    pub(crate) fn secrets(env: &BTreeMap<String, String>) -> Vec<String> {
        let names = |name: &str| {
            let name = name.to_ascii_uppercase();
            ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"].iter().any(|word| name.contains(word))
        };
        let secret = |(name, text): (&String, &String)| {
            let hidden = names(name) || sole_variable(text).is_some_and(|variable| !PLAIN.contains(&variable));
            let value = hidden.then(|| expand(text, &|name| std::env::var(name).ok()))?;
            value.ok().filter(|value| !value.is_empty())
        };
        env.iter().filter_map(secret).collect()
    }
}

/// The files that may declare servers, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Places {
    files: Vec<PathBuf>,
    user: Option<PathBuf>,
}

impl Places {
    /// The files of a melody's folder and those above it up to the project's root, then of the folder that the run
    /// plays in, then the person's own.
    pub fn of(melody: &Path, here: &Path, user: Option<PathBuf>) -> Self {
        let absolute = here.join(melody);
        let mut files: Vec<PathBuf> = Vec::new();
        for start in [absolute.parent().unwrap_or(here), here] {
            let root = start.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(start);
            for folder in start.ancestors().take_while(|folder| folder.starts_with(root)) {
                let file = folder.join(FILE);
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        Self { files, user }
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().chain(&self.user)
    }

    /// Every server that is declared, by name, the nearest file first; files that cannot be read are told.
    pub fn servers(&self) -> (BTreeMap<String, Result<Declared, CatalogError>>, Vec<CatalogError>) {
        let (mut servers, mut broken) = (BTreeMap::new(), Vec::new());
        for file in self.all() {
            match read(file) {
                Err(error) => broken.push(error),
                Ok(declared) => {
                    for (name, entry) in declared {
                        let known = name_of(&name);
                        servers.entry(known).or_insert_with(|| self.declared(file, &name, &entry));
                    }
                }
            }
        }
        (servers, broken)
    }

    /// The server of a name.
    ///
    /// # Errors
    /// There is none (with the names that are near, and where was looked), or its declaration cannot be used.
    pub fn find(&self, name: &str) -> Result<Declared, CatalogError> {
        let (mut servers, broken) = self.servers();
        if let Some(found) = servers.remove(name) {
            return found;
        }
        // A file that cannot be read may be the one that declares it.
        if let Some(error) = broken.into_iter().next() {
            return Err(error);
        }
        let names: Vec<&str> = servers.keys().map(String::as_str).collect();
        let meant = match nearest(name, names.iter().copied()) {
            Some(meant) => format!("did you mean `mcp:{meant}`? "),
            None if names.is_empty() => String::new(),
            None => format!("declared are {}; ", listing(names)),
        };
        let looked = self.all().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        let example = format!(r#"{{ "mcpServers": {{ "{name}": {{ "command": "…", "args": […] }} }} }}"#);
        let help = format!("{meant}looked in {looked}; to add it, write {example} into one of them");
        Err(CatalogError { message: format!("no MCP server `{name}` is declared"), help: Some(help) })
    }

    fn declared(&self, file: &Path, name: &str, entry: &Json) -> Result<Declared, CatalogError> {
        let wrong = |what: String, help: &str| CatalogError {
            message: format!("{}: the server `{name}` {what}", file.display()),
            help: Some(help.to_owned()),
        };
        let example = r#"write { "command": "npx", "args": ["-y", "…"], "env": { "TOKEN": "${TOKEN}" } }"#;
        let entry = entry.as_object().ok_or_else(|| wrong("is not an object".into(), example))?;
        let Some(command) = entry.get("command") else {
            if entry.contains_key("url") {
                let help = "only servers that speak over standard input and output are played: give a `command`, such as a bridge to that URL";
                return Err(wrong("is reached by a URL".into(), help));
            }
            return Err(wrong("has no `command`".into(), example));
        };
        let command = command.as_str().filter(|command| !command.trim().is_empty());
        let command = command.ok_or_else(|| wrong("has a `command` that is not text".into(), example))?;
        let args =
            texts(entry.get("args")).ok_or_else(|| wrong("has `args` that are not a list of texts".into(), example))?;
        let env = variables(entry.get("env"))
            .ok_or_else(|| wrong("has an `env` that is not an object of texts".into(), example))?;
        let own = match entry.get("cwd") {
            None | Some(Json::Null) => None,
            Some(cwd) => Some(cwd.as_str().ok_or_else(|| wrong("has a `cwd` that is not text".into(), example))?),
        };
        if let Some(variable) = missing(command, &args, &env, own) {
            let what = format!("needs the environment variable {variable}, which is not set");
            return Err(wrong(what, &format!("set {variable}, or give a default: ${{{variable}:-…}}")));
        }
        // The project's servers start beside the file that declares them, the person's where the run plays.
        let beside = file.parent().filter(|_| self.files.iter().any(|known| known == file));
        let folder = match (beside, own) {
            (Some(beside), Some(own)) => Some(beside.join(own)),
            (Some(beside), None) => Some(beside.to_owned()),
            (None, own) => own.map(PathBuf::from),
        };
        Ok(Declared { name: name_of(name), command: command.to_owned(), args, env, folder, file: file.to_owned() })
    }
}

/// The variable that a declaration needs and the environment lacks.
fn missing(command: &str, args: &[String], env: &BTreeMap<String, String>, cwd: Option<&str>) -> Option<String> {
    let texts = std::iter::once(command).chain(args.iter().map(String::as_str)).chain(env.values().map(String::as_str));
    texts.chain(cwd).find_map(|text| expand(text, &|name| std::env::var(name).ok()).err())
}

/// The name by which melodies call a server: they know small letters, digits, `_`, `-` and `.`.
fn name_of(name: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    name.to_ascii_lowercase().chars().map(|c| if fits(c) { c } else { '-' }).collect()
}

fn texts(json: Option<&Json>) -> Option<Vec<String>> {
    match json {
        None | Some(Json::Null) => Some(Vec::new()),
        Some(Json::Array(items)) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    }
}

fn variables(json: Option<&Json>) -> Option<BTreeMap<String, String>> {
    let plain = |name: &str, text: &str| !name.is_empty() && !name.contains(['=', '\0']) && !text.contains('\0');
    match json {
        None | Some(Json::Null) => Some(BTreeMap::new()),
        Some(Json::Object(map)) => {
            let pair = |(name, value): (&String, &Json)| {
                let text = value.as_str().filter(|text| plain(name, text))?;
                Some((name.clone(), text.to_owned()))
            };
            map.iter().map(pair).collect()
        }
        Some(_) => None,
    }
}

/// The servers of a file; none when there is no such file.
fn read(file: &Path) -> Result<Map<String, Json>, CatalogError> {
    let wrong = |message: String, help: &str| CatalogError {
        message: format!("{}{message}", file.display()),
        help: Some(help.to_owned()),
    };
    match std::fs::metadata(file) {
        Ok(about) if about.len() > LARGEST => return Err(wrong(": larger than 1 MiB".into(), "declare servers only")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        _ => {}
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(format!(": {error}"), "make it readable"))?;
    let help = r#"write { "mcpServers": { "NAME": { "command": "…", "args": […] } } }"#;
    let json: Json = serde_json::from_str(&text)
        .map_err(|error| wrong(format!(":{}:{}: not JSON: {error}", error.line(), error.column()), help))?;
    match json {
        Json::Object(mut map) => match map.remove("mcpServers") {
            None => Ok(Map::new()),
            Some(Json::Object(servers)) => Ok(servers),
            Some(_) => Err(wrong(": `mcpServers` is not an object".into(), help)),
        },
        _ => Err(wrong(": not a JSON object".into(), help)),
    }
}

#[cfg(test)]
#[path = "declared_tests.rs"]
mod tests;
