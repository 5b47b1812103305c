//! What a person prefers: `settings.NAME` in a melody's expressions.
//!
//! They come from the table `[melody]` of `$XDG_CONFIG_HOME/symphony/settings.toml` and from `--setting NAME=VALUE`,
//! which wins. A run keeps what it began with.

use crate::failure::Failure;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use symphony_ecs_core::value::Value;
use toml_edit::{DocumentMut, Item, Value as Toml};

/// Reads the person's file and puts the words of the command line over it.
///
/// # Errors
/// A file that cannot be read (with its line), a word without `=`.
pub fn read(words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let settings = match place() {
        Some(file) => from_file(&file)?,
        None => BTreeMap::new(),
    };
    over(settings, words)
}

/// Puts the words of the command line over what another run began with.
pub fn over(mut settings: BTreeMap<String, Value>, words: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    for word in words {
        let (name, text) = word
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("`{word}` is not a setting")).help("write --setting NAME=VALUE"))?;
        // `3`, `true` and `["a"]` are what they look like; everything else is text.
        let value = serde_json::from_str(text).map_or_else(|_| Value::text(text), |json| Value::from_json(&json));
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}

fn place() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(config.join("symphony/settings.toml"))
}

fn from_file(path: &Path) -> Result<BTreeMap<String, Value>, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
    };
    let document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| Failure::usage(format!("{}: {error}", path.display())))?;
    let Some(table) = document.get("melody") else { return Ok(BTreeMap::new()) };
    let table = table.as_table_like().ok_or_else(|| {
        Failure::usage(format!("{}: `melody` must be a table", path.display()))
            .help("write `[melody]` and a line a setting")
    })?;
    Ok(table.iter().filter_map(|(name, item)| Some((name.to_owned(), item_value(item)?))).collect())
}

/// A piece of a TOML file as a value.
pub fn item_value(item: &Item) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(toml_value(value)),
        Item::Table(table) => {
            Some(Value::map(table.iter().filter_map(|(name, item)| Some((name.to_owned(), item_value(item)?)))))
        }
        Item::ArrayOfTables(tables) => Some(Value::list(
            tables.iter().map(|table| item_value(&Item::Table(table.clone())).unwrap_or_default()).collect(),
        )),
    }
}

fn toml_value(value: &Toml) -> Value {
    match value {
        Toml::String(text) => Value::text(text.value().as_str()),
        Toml::Integer(int) => Value::Int(*int.value()),
        Toml::Float(float) => Value::Float(*float.value()),
        Toml::Boolean(truth) => Value::Bool(*truth.value()),
        Toml::Datetime(time) => Value::text(time.value().to_string()),
        Toml::Array(items) => Value::list(items.iter().map(toml_value).collect()),
        Toml::InlineTable(table) => Value::map(table.iter().map(|(name, value)| (name.to_owned(), toml_value(value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_table_and_says_where_it_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        assert!(from_file(&file).unwrap().is_empty());
        std::fs::write(
            &file,
            "theme = \"dark\"\n[melody]\ntone = \"plain\"\nwords = 40\nmodels = [{ name = \"a\" }]\n",
        )
        .unwrap();
        let settings = from_file(&file).unwrap();
        assert_eq!(settings["tone"], Value::text("plain"));
        assert_eq!(settings["words"], Value::Int(40));
        assert_eq!(settings["models"].canonical_json(), r#"[{"name":"a"}]"#);
        assert_eq!(settings.len(), 3, "only the melodies' own");
        std::fs::write(&file, "[melody]\ntone = \n").unwrap();
        assert!(from_file(&file).unwrap_err().to_string().contains("line 2"));
    }
}
