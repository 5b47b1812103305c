//! The border: a value held against a port's type when it enters or leaves a player, and widened on the way.

use super::{MediaType, PortType, Schemas};
use crate::value::{SPILLED, Value};
use std::fmt::Write as _;
use std::sync::Arc;

/// A value that does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct ValueError {
    /// Where in the value: `.items[3].score`; empty for the value itself.
    pub path: String,
    /// What would fit.
    pub expected: String,
    /// What is there, in short.
    pub found: String,
}

impl PortType {
    /// Holds a value against this type and widens it: an integer where a float is wanted becomes one.
    ///
    /// `any` and `json` also take an absent value (it is JSON's `null`); whether a port must give one is not the
    /// type's matter but [`Port::required`](crate::ports::Port::required)'s. A spilled value (a handle of media type
    /// [`SPILLED`]: a value too large to travel inline) fits every type but `artifact`, because its content was held
    /// against the type before it was spilled.
    pub fn check_value(&self, value: &Value, schemas: &Schemas) -> Result<Value, ValueError> {
        let mut path = Path::default();
        Ok(self.widened(value, schemas, &mut path)?.unwrap_or_else(|| value.clone()))
    }

    /// The widened value; `None` when it fits as it is.
    fn widened(&self, value: &Value, schemas: &Schemas, path: &mut Path) -> Result<Option<Value>, ValueError> {
        if let Value::Artifact(artifact) = value
            && artifact.media_type == SPILLED
            && !matches!(self, Self::Artifact(_))
        {
            return Ok(None);
        }
        let fits = match (self, value) {
            (Self::Any, _)
            | (Self::Bool, Value::Bool(_))
            | (Self::Int, Value::Int(_))
            | (Self::Float, Value::Float(_))
            | (Self::Text, Value::Text(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Optional(_), Value::Absent) => true,
            (Self::Float, Value::Int(int)) => return Ok(Some(Value::Float(*int as f64))),
            (Self::Enum(words), Value::Text(text)) => words.iter().any(|word| **word == **text),
            (Self::Artifact(media), Value::Artifact(artifact)) => {
                artifact.media_type != SPILLED && media.as_ref().is_none_or(|media| media.covers(&artifact.media_type))
            }
            (Self::Json(None), value) => !matches!(value, Value::Bytes(_) | Value::Artifact(_)),
            (Self::Json(Some(name)), value) => return json_fits(name, value, schemas, path),
            (Self::List(item), Value::List(items)) => return item.widened_items(items, schemas, path),
            (Self::Optional(inner), value) => return inner.widened(value, schemas, path),
            (Self::Union(members), value) => {
                // A member that fits as it is comes before one that would widen.
                let mut widened = None;
                let depth = path.0.len();
                for member in members {
                    match member.widened(value, schemas, path) {
                        Ok(None) => return Ok(None),
                        Ok(Some(wide)) => widened = widened.or(Some(wide)),
                        Err(_) => path.0.truncate(depth),
                    }
                }
                if widened.is_some() {
                    return Ok(widened);
                }
                false
            }
            _ => false,
        };
        if fits { Ok(None) } else { Err(path.error(self.to_string(), value)) }
    }

    fn widened_items(
        &self,
        items: &Arc<Vec<Value>>,
        schemas: &Schemas,
        path: &mut Path,
    ) -> Result<Option<Value>, ValueError> {
        let mut wide: Option<Vec<Value>> = None;
        for (place, item) in items.iter().enumerate() {
            path.0.push(place);
            let widened = self.widened(item, schemas, path)?;
            path.0.pop();
            if let Some(new) = widened {
                // Copied only when an item really changes.
                if let Some(slot) = wide.get_or_insert_with(|| items.to_vec()).get_mut(place) {
                    *slot = new;
                }
            }
        }
        Ok(wide.map(Value::list))
    }
}

fn json_fits(name: &str, value: &Value, schemas: &Schemas, path: &mut Path) -> Result<Option<Value>, ValueError> {
    if matches!(value, Value::Bytes(_) | Value::Artifact(_)) {
        return Err(path.error(format!("json<{name}>"), value));
    }
    let Some(validator) = schemas.validator(name) else {
        return Err(path.error(format!("json<{name}> (a schema that the melody's [types] does not name)"), value));
    };
    let json = value.to_json();
    let Some(error) = validator.iter_errors(&json).next() else { return Ok(None) };
    let mut error_path = path.text();
    for segment in error.instance_path() {
        let _ = match segment {
            jsonschema::paths::LocationSegment::Property(name) => write!(error_path, ".{name}"),
            jsonschema::paths::LocationSegment::Index(place) => write!(error_path, "[{place}]"),
        };
    }
    let found = Value::from_json(error.instance());
    let expected = expectation(&error).unwrap_or_else(|| format!("what the schema {name} says ({error})"));
    Err(ValueError { path: error_path, expected, found: found.in_short() })
}

/// What the schema wanted, in the words of port types where there are some.
fn expectation(error: &jsonschema::ValidationError<'_>) -> Option<String> {
    use jsonschema::error::{TypeKind, ValidationErrorKind};
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let names: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![json_type(one.as_str())],
                TypeKind::Multiple(several) => several.iter().map(|one| json_type(one.as_str())).collect(),
            };
            Some(names.join("|"))
        }
        ValidationErrorKind::Required { property } => Some(format!("a map with {property}")),
        ValidationErrorKind::Enum { options } => Some(format!("one of {options}")),
        _ => None,
    }
}

fn json_type(name: &str) -> &str {
    match name {
        "boolean" => "bool",
        "integer" => "int",
        "number" => "float",
        "string" => "text",
        "array" => "list",
        "object" => "map",
        other => other,
    }
}

/// Where in the value the check stands: indices of lists (types know no other way down).
#[derive(Default)]
struct Path(Vec<usize>);

impl Path {
    fn text(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, place| {
            let _ = write!(text, "[{place}]");
            text
        })
    }

    fn error(&self, expected: String, value: &Value) -> ValueError {
        ValueError { path: self.text(), expected, found: value.in_short() }
    }
}

impl MediaType {
    /// Whether a media type, perhaps with parameters (`text/plain; charset=utf-8`), falls into this range.
    pub fn covers(&self, media_type: &str) -> bool {
        let plain = media_type.split(';').next().unwrap_or("").trim();
        plain.split_once('/').is_some_and(|(kind, subtype)| {
            kind.eq_ignore_ascii_case(&self.kind)
                && self.subtype.as_ref().is_none_or(|wanted| subtype.eq_ignore_ascii_case(wanted))
        })
    }
}

impl Value {
    /// The value in a few words, for messages: `text "x"`, `a list of 3`, `nothing`.
    pub fn in_short(&self) -> String {
        const SHOWN: usize = 40;
        match self {
            Self::Absent => "nothing".to_owned(),
            Self::Bool(truth) => format!("bool {truth}"),
            Self::Int(int) => format!("int {int}"),
            Self::Float(float) => format!("float {float:?}"),
            Self::Text(text) if text.chars().nth(SHOWN).is_none() => format!("text {text:?}"),
            Self::Text(text) => format!("text {:?}…", text.chars().take(SHOWN).collect::<String>()),
            Self::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Map(map) => {
                let mut keys: Vec<&str> = map.keys().take(4).map(String::as_str).collect();
                if map.len() > keys.len() {
                    keys.push("…");
                }
                format!("a map of {{{}}}", keys.join(", "))
            }
            Self::Artifact(artifact) => format!("an artifact of {} ({} bytes)", artifact.media_type, artifact.size),
        }
    }
}
