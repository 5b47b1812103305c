//! Reads typed fields out of TOML tables, and says by line and word what does not fit.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::{Item, TableLike, Value as Toml};

/// A manifest that cannot be used: where, why, and the cure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}; {help}", path.display())]
pub struct ManifestError {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// The cure.
    pub help: String,
}

/// The text that errors point into.
#[derive(Clone, Copy)]
pub(super) struct Page<'t> {
    pub path: &'t Path,
    pub text: &'t str,
}

impl Page<'_> {
    /// An error at a place of the text.
    pub fn error(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> ManifestError {
        let before = self.text.get(..span.map_or(0, |span| span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        ManifestError { path: self.path.to_owned(), line, column, message: message.into(), help: help.into() }
    }
}

/// A table of the manifest.
#[derive(Clone)]
pub(super) struct Fields<'t> {
    pub page: Page<'t>,
    /// How errors call the table: `[runtime]`.
    pub name: String,
    pub table: &'t dyn TableLike,
    pub span: Option<Range<usize>>,
}

impl<'t> Fields<'t> {
    /// Refuses keys that are not known.
    pub fn only(&self, known: &[&str]) -> Result<(), ManifestError> {
        for (key, _) in self.table.iter() {
            if known.contains(&key) {
                continue;
            }
            let span = self.table.get_key_value(key).and_then(|(key, _)| key.span());
            let help = match nearest(key, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("{} takes {}", self.name, listing(known.iter().copied())),
            };
            return Err(self.page.error(span, format!("{} has no key `{key}`", self.name), help));
        }
        Ok(())
    }

    /// An error at a field.
    pub fn wrong(&self, key: &str, expected: &str) -> ManifestError {
        let item = self.table.get(key);
        let span = item.and_then(Item::span).or_else(|| self.span.clone());
        match item {
            Some(item) => {
                let message = format!("`{key}` in {} is {}, not {expected}", self.name, item.type_name());
                self.page.error(span, message, format!("write {key} = {expected}"))
            }
            None => self.page.error(span, format!("{} lacks `{key}`", self.name), format!("add {key} = {expected}")),
        }
    }

    /// An error at a field, in own words.
    pub fn error(&self, key: &str, message: impl Into<String>, help: impl Into<String>) -> ManifestError {
        let span = self.table.get(key).and_then(Item::span).or_else(|| self.span.clone());
        self.page.error(span, message, help)
    }

    /// A text that may be left out.
    pub fn text(&self, key: &str) -> Result<Option<&'t str>, ManifestError> {
        let example = "\"…\"";
        self.table.get(key).map(|item| item.as_str().ok_or_else(|| self.wrong(key, example))).transpose()
    }

    /// A text that must be there.
    pub fn required(&self, key: &str, example: &str) -> Result<&'t str, ManifestError> {
        self.table.get(key).and_then(Item::as_str).ok_or_else(|| self.wrong(key, example))
    }

    /// A truth value, false when left out.
    pub fn flag(&self, key: &str) -> Result<bool, ManifestError> {
        self.table.get(key).map_or(Ok(false), |item| item.as_bool().ok_or_else(|| self.wrong(key, "true or false")))
    }

    /// A whole number of at least `least`.
    pub fn count(&self, key: &str, least: u64) -> Result<Option<u64>, ManifestError> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let number = item.as_integer().and_then(|number| u64::try_from(number).ok()).filter(|number| *number >= least);
        number.map(Some).ok_or_else(|| {
            self.error(
                key,
                format!("`{key}` is not a whole number from {least} on"),
                format!("write {key} = {}", least.max(1)),
            )
        })
    }

    /// As [`count`](Self::count), within 32 bits.
    pub fn small_count(&self, key: &str) -> Result<Option<u32>, ManifestError> {
        let too_large = |_| self.error(key, format!("`{key}` is too large"), format!("write at most {}", u32::MAX));
        self.count(key, 1)?.map(|number| u32::try_from(number).map_err(too_large)).transpose()
    }

    /// A span of time such as `"500ms"`, `"10s"`, `"2m"`.
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, ManifestError> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        item.as_str().and_then(parse_duration).map(Some).ok_or_else(|| {
            let help = format!("write a number and a unit (ms, s, m, h, d): {key} = \"10s\"");
            self.error(key, format!("`{key}` is not a span of time"), help)
        })
    }

    /// A list of texts.
    pub fn texts(&self, key: &str, example: &str) -> Result<Option<Vec<String>>, ManifestError> {
        let Some(item) = self.table.get(key) else { return Ok(None) };
        let list = item.as_array().ok_or_else(|| self.wrong(key, example))?;
        let texts = list.iter().map(|text| text.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
        texts.map(Some).ok_or_else(|| {
            self.error(key, format!("`{key}` holds something that is not text"), format!("write {key} = {example}"))
        })
    }

    /// A table within this one.
    pub fn table(&self, key: &str, name: String) -> Result<Option<Fields<'t>>, ManifestError> {
        let Some((found, item)) = self.table.get_key_value(key) else { return Ok(None) };
        let table = item.as_table_like().ok_or_else(|| self.wrong(key, "{ … } or a [table]"))?;
        let span = found.span().or_else(|| item.span());
        Ok(Some(Fields { page: self.page, name, table, span }))
    }
}

/// TOML data as JSON.
pub(super) fn json(page: &Page<'_>, item: &Item) -> Result<serde_json::Value, ManifestError> {
    use serde_json::Value as Json;
    let number = |float: f64| {
        serde_json::Number::from_f64(float)
            .map(Json::Number)
            .ok_or_else(|| page.error(item.span(), "this number is not finite", "write a finite number"))
    };
    match item {
        Item::Value(Toml::String(text)) => Ok(Json::String(text.value().clone())),
        Item::Value(Toml::Integer(int)) => Ok(Json::from(*int.value())),
        Item::Value(Toml::Float(float)) => number(*float.value()),
        Item::Value(Toml::Boolean(truth)) => Ok(Json::Bool(*truth.value())),
        Item::Value(Toml::Array(items)) => {
            let items = items.iter().map(|item| json(page, &Item::Value(item.clone())));
            Ok(Json::Array(items.collect::<Result<_, _>>()?))
        }
        Item::Value(Toml::Datetime(date)) => Ok(Json::String(date.value().to_string())),
        other => match other.as_table_like() {
            Some(table) => {
                let fields = table.iter().map(|(key, item)| Ok((key.to_owned(), json(page, item)?)));
                Ok(Json::Object(fields.collect::<Result<_, _>>()?))
            }
            None => {
                Err(page.error(other.span(), "arrays of tables have no place here", "write the list in place: [{ … }]"))
            }
        },
    }
}

/// `500ms`, `10s`, `2m`, `1h`, `1d`; longer than nothing.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(split)?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok().filter(|span| !span.is_zero())
}

/// The known word nearest to what was written, if any is near enough to have been meant.
pub(crate) fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if written.len() > 80 {
        return None;
    }
    let limit = if written.chars().count() < 5 { 1 } else { 2 };
    let distances =
        known.into_iter().map(|word| (strsim::damerau_levenshtein(&written.to_ascii_lowercase(), word), word));
    distances.filter(|(far, word)| *far <= limit && *far < word.chars().count()).min().map(|(_, word)| word)
}

/// Words in code quotes, separated by commas.
pub(crate) fn listing<'k>(words: impl IntoIterator<Item = &'k str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
