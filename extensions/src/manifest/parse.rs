//! From the text of a `Symphony.toml` to a [`Manifest`].

use super::fields::{Fields, ManifestError, Page, json, listing, nearest};
use super::{Manifest, OperationDecl, Runtime, Sdk};
use crate::bus::codec::Codec;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use symphony_ecs_core::melody::model::PlayerKind;
use symphony_ecs_core::ports::{Port, Reuse};
use symphony_ecs_core::types::PortType;
use symphony_ecs_core::value::Digest;

/// The schema this program reads.
const SCHEMA: u64 = 1;
/// HELLO must come within this when the manifest does not say.
const STARTUP: Duration = Duration::from_secs(10);

/// Whose manifest it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A person's own, with a command.
    Folder,
    /// Part of the program, without one.
    Bundled,
}

/// Checks the text. Folder and digest are left for the caller to fill in.
pub(super) fn parse(text: &str, path: &Path, origin: Origin) -> Result<Manifest, ManifestError> {
    let page = Page { path, text };
    let document = toml_edit::Document::parse(text).map_err(|error| {
        page.error(error.span(), error.message().replace('\n', ", "), "mend the TOML (https://toml.io)")
    })?;
    let top = Fields { page, name: "the manifest".to_owned(), table: document.as_table(), span: None };
    // The schema first: a newer manifest deserves a better answer than "unknown key".
    match top.count("schema", 1)? {
        None => return Err(top.wrong("schema", "1")),
        Some(SCHEMA) => {}
        Some(newer) => {
            let help = format!("use a newer symphony, or write schema = {SCHEMA}");
            return Err(top.error("schema", format!("schema {newer} is newer than this program understands"), help));
        }
    }
    top.only(&["schema", "extension", "runtime", "operation"])?;
    let lacks = |name: &str, help: &str| page.error(None, format!("the manifest lacks {name}"), help);

    let extension = top.table("extension", "[extension]".into())?;
    let extension = extension.ok_or_else(|| lacks("[extension]", "add it, with id, version and kind"))?;
    extension.only(&["id", "name", "version", "kind", "description", "license"])?;
    let id = extension.required("id", "\"my-player\"")?;
    if !is_name(id, '-') {
        let help = "use lower-case letters, digits and dashes, beginning with a letter: id = \"my-player\"";
        return Err(extension.error("id", format!("`{id}` cannot be an id"), help));
    }
    let version = extension.required("version", "\"0.1.0\"")?;
    let version = semver::Version::parse(version).map_err(|error| {
        extension.error("version", format!("`{version}` is not a version: {error}"), "write version = \"0.1.0\"")
    })?;
    let kind = match extension.required("kind", "\"operator\"")? {
        "operator" => PlayerKind::Operator,
        "instrument" => PlayerKind::Instrument,
        other => {
            let help = match nearest(other, ["operator", "instrument"]) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "write kind = \"operator\" (deterministic) or \"instrument\" (an AI model)".to_owned(),
            };
            return Err(extension.error("kind", format!("`{other}` is no kind of extension"), help));
        }
    };
    let operations = top.table("operation", "[operation]".into())?;
    let operations = operations.map(|table| all_operations(&table)).transpose()?.unwrap_or_default();
    if operations.is_empty() {
        return Err(lacks("operations", "add at least one: [operation.NAME] with in and out"));
    }
    Ok(Manifest {
        folder: None,
        id: id.to_owned(),
        name: extension.text("name")?.map(str::to_owned),
        version,
        kind,
        description: extension.text("description")?.map(str::to_owned),
        license: extension.text("license")?.map(str::to_owned),
        runtime: runtime(&top, origin)?,
        operations,
        digest: Digest::of(text.as_bytes()),
    })
}

fn runtime(top: &Fields<'_>, origin: Origin) -> Result<Runtime, ManifestError> {
    let mut runtime = Runtime {
        command: Vec::new(),
        codec: Codec::MessagePack,
        sdk: None,
        env: BTreeMap::new(),
        pass_env: Vec::new(),
        startup: STARTUP,
        processes: None,
        server: None,
    };
    let example = "[\"python3\", \"player.py\"]";
    let Some(table) = top.table("runtime", "[runtime]".into())? else {
        return match origin {
            Origin::Bundled => Ok(runtime),
            Origin::Folder => {
                Err(top.page.error(None, "the manifest lacks [runtime]", format!("add it, with command = {example}")))
            }
        };
    };
    table.only(&["command", "codec", "sdk", "env", "pass_env", "startup", "processes"])?;
    match (origin, table.texts("command", example)?) {
        (Origin::Folder, Some(command)) if command.first().is_some_and(|program| !program.is_empty()) => {
            runtime.command = command;
        }
        (Origin::Folder, _) => return Err(table.wrong("command", example)),
        (Origin::Bundled, None) => {}
        (Origin::Bundled, Some(_)) => {
            return Err(table.error("command", "a bundled player has no command", "leave it out"));
        }
    }
    runtime.sdk = match table.text("sdk")? {
        None => None,
        Some("python") => Some(Sdk::Python),
        Some("rust") => Some(Sdk::Rust),
        Some(other) => return Err(unknown_word(&table, "sdk", other, &["python", "rust"])),
    };
    if runtime.sdk == Some(Sdk::Python) {
        runtime.codec = Codec::Json;
    }
    if let Some(word) = table.text("codec")? {
        runtime.codec = Codec::parse(word).ok_or_else(|| unknown_word(&table, "codec", word, &["msgpack", "json"]))?;
        if runtime.sdk == Some(Sdk::Python) && runtime.codec != Codec::Json {
            return Err(table.error("codec", "the Python SDK speaks JSON only", "leave codec out"));
        }
    }
    if let Some(env) = table.table("env", "`env`".into())? {
        for (name, _) in env.table.iter() {
            check_variable(&env, name, name)?;
            runtime.env.insert(name.to_owned(), env.required(name, "\"…\"")?.to_owned());
        }
    }
    runtime.pass_env = table.texts("pass_env", "[\"NAME\"]")?.unwrap_or_default();
    for name in &runtime.pass_env {
        check_variable(&table, "pass_env", name)?;
    }
    runtime.startup = table.duration("startup")?.unwrap_or(STARTUP);
    runtime.processes = table.small_count("processes")?;
    Ok(runtime)
}

fn check_variable(table: &Fields<'_>, key: &str, name: &str) -> Result<(), ManifestError> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(table.error(key, format!("`{name}` cannot be a variable's name"), "use letters, digits and _"));
    }
    if name.starts_with("SYMPHONY_BUS") {
        return Err(table.error(key, format!("`{name}` is set by the host"), "leave it out"));
    }
    Ok(())
}

fn all_operations(table: &Fields<'_>) -> Result<BTreeMap<String, OperationDecl>, ManifestError> {
    let mut operations = BTreeMap::new();
    for (name, _) in table.table.iter() {
        if !is_name(name, '-') {
            let help = "use lower-case letters, digits and dashes, beginning with a letter";
            return Err(table.error(name, format!("`{name}` cannot be an operation's name"), help));
        }
        if let Some(fields) = table.table(name, format!("[operation.{name}]"))? {
            operations.insert(name.to_owned(), operation(&fields)?);
        }
    }
    Ok(operations)
}

fn operation(table: &Fields<'_>) -> Result<OperationDecl, ManifestError> {
    table.only(&[
        "in",
        "out",
        "open_inputs",
        "open_outputs",
        "settings",
        "idempotent",
        "reuse",
        "timeout",
        "cost_usd",
        "tokens",
        "max_parallel",
        "description",
    ])?;
    table.text("description")?;
    let settings = match (table.table.get("settings"), table.table("settings", "`settings`".into())?) {
        (Some(item), Some(_)) => Some(json(&table.page, item)?),
        _ => None,
    };
    let cost = match table.table.get("cost_usd") {
        None => None,
        Some(item) => {
            let dollars = item.as_float().or_else(|| item.as_integer().map(|whole| whole as f64));
            let dollars = dollars.filter(|dollars| (0.0..=1e9).contains(dollars));
            let dollars = dollars.ok_or_else(|| table.wrong("cost_usd", "0.02"))?;
            Some((dollars * 1e6).ceil() as u64)
        }
    };
    Ok(OperationDecl {
        inputs: ports(table, "in")?,
        open_inputs: table.flag("open_inputs")?,
        outputs: ports(table, "out")?,
        open_outputs: table.flag("open_outputs")?,
        settings,
        idempotent: table.flag("idempotent")?,
        reuse: reuse(table)?,
        timeout: table.duration("timeout")?,
        worst_cost_micros: cost,
        worst_tokens: table.count("tokens", 0)?,
        max_parallel: table.small_count("max_parallel")?,
    })
}

/// Whether results may be reused: `true`, `false`, or `"place"` for players that look at the numbers of their path.
fn reuse(table: &Fields<'_>) -> Result<Reuse, ManifestError> {
    let Some(item) = table.table.get("reuse") else { return Ok(Reuse::default()) };
    match (item.as_bool(), item.as_str()) {
        (Some(true), _) => Ok(Reuse::Inputs),
        (Some(false), _) => Ok(Reuse::Never),
        (None, Some("place")) => Ok(Reuse::Place),
        _ => Err(table.wrong("reuse", "true, false or \"place\"")),
    }
}

fn ports(table: &Fields<'_>, key: &str) -> Result<Vec<Port>, ManifestError> {
    let Some(fields) = table.table(key, format!("`{key}` of {}", table.name))? else { return Ok(Vec::new()) };
    let mut ports = Vec::new();
    for (name, _) in fields.table.iter() {
        if !is_name(name, '_') {
            let help = "use lower-case letters, digits and _, beginning with a letter";
            return Err(fields.error(name, format!("`{name}` cannot be a port's name"), help));
        }
        let text = fields.required(name, "\"text\"")?;
        let ty = PortType::parse(text).map_err(|error| {
            let help = "types are bool int float text bytes json enum<…> list<T> artifact<media-type> any, A|B and T?";
            fields.error(name, format!("the type of `{name}`: {error}"), help)
        })?;
        ports.push(Port { name: name.to_owned(), required: !ty.may_be_absent(), ty });
    }
    Ok(ports)
}

fn unknown_word(table: &Fields<'_>, key: &str, word: &str, known: &[&str]) -> ManifestError {
    let help = match nearest(word, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("one of {}", listing(known.iter().copied())),
    };
    table.error(key, format!("`{word}` is no {key}"), help)
}

/// `[a-z][a-z0-9X]{0,63}`, X being the one joining character.
fn is_name(text: &str, joint: char) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joint;
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(plain)
}
