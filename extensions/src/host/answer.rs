//! A player's outputs become values of the score: files and large values go to the Artifact Store, missing ones and
//! forged handles are refused.

use super::worker::Active;
use crate::bus::size::{concrete, exceeds};
use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek};
use std::sync::Arc;
use symphony_ecs_core::melody::model::ErrorClass;
use symphony_ecs_core::ports::{ArtifactError, ArtifactPort};
use symphony_ecs_core::types::{PortType, Schemas};
use symphony_ecs_core::value::{ArtifactRef, INLINE_LIMIT, SPILLED, Value};

/// Longest value that a player may hand over as a file; artifacts may be longer.
const MAX_VALUE: u64 = 256 << 20;

/// Why outputs were refused.
pub(super) type Refused = (ErrorClass, String);

/// Turns what a RESPONSE holds into the outputs of the call, in the order of its ports.
pub(super) fn outputs(
    store: &dyn ArtifactPort,
    active: &mut Active,
    mut given: BTreeMap<String, Value>,
) -> Result<Vec<(String, Value)>, Refused> {
    let ports = Arc::clone(&active.outputs);
    let mut outputs = Vec::with_capacity(ports.len());
    for port in ports.iter() {
        let value = given.remove(&port.name).unwrap_or_default();
        let mut placer = Placer { store, active: &mut *active };
        let value = placer
            .place(value, &port.ty)
            .map_err(|(class, message)| (class, format!("output `{}`: {message}", port.name)))?;
        if value.is_present() {
            outputs.push((port.name.clone(), value));
        } else if port.required {
            return Err((ErrorClass::InvalidOutput, format!("output `{}` is missing", port.name)));
        }
    }
    Ok(outputs)
}

struct Placer<'a> {
    store: &'a dyn ArtifactPort,
    active: &'a mut Active,
}

fn failed(error: &ArtifactError) -> Refused {
    (ErrorClass::Io, error.to_string())
}

fn invalid(message: impl Into<String>) -> Refused {
    (ErrorClass::InvalidOutput, message.into())
}

impl Placer<'_> {
    /// Places a whole output: its parts first, then itself if it is too large to travel inline.
    fn place(&mut self, value: Value, ty: &PortType) -> Result<Value, Refused> {
        let value = self.part(value, ty)?;
        if matches!(value, Value::Artifact(_)) || !exceeds(&value, INLINE_LIMIT) {
            return Ok(value);
        }
        let value = checked(value, ty)?;
        let stored = self.store.put(value.canonical_json().as_bytes(), SPILLED).map_err(|error| failed(&error))?;
        Ok(Value::Artifact(Arc::new(stored)))
    }

    fn part(&mut self, value: Value, ty: &PortType) -> Result<Value, Refused> {
        let inner = ty.present();
        match (value, inner) {
            (Value::Text(text), PortType::Artifact(media)) => {
                self.put(text.as_bytes(), &concrete(media.as_ref(), "text/plain"))
            }
            (Value::Bytes(bytes), PortType::Artifact(media)) => {
                self.put(&bytes, &concrete(media.as_ref(), "application/octet-stream"))
            }
            (Value::Artifact(artifact), _) => self.known(&artifact).map(|known| Value::Artifact(Arc::new(known))),
            (Value::List(items), ty) => {
                let item = match ty {
                    PortType::List(item) => item,
                    _ => &PortType::Any,
                };
                if !items.iter().any(|value| needs_work(value, item)) {
                    return Ok(Value::List(items));
                }
                let items = items.iter().map(|value| self.part(value.clone(), item));
                Ok(Value::list(items.collect::<Result<_, _>>()?))
            }
            (Value::Map(map), ty) => {
                if let Some(number) = file_number(&map) {
                    return self.file(number, ty);
                }
                if !map.values().any(|value| needs_work(value, &PortType::Any)) {
                    return Ok(Value::Map(map));
                }
                let fields =
                    map.iter().map(|(key, value)| Ok((key.clone(), self.part(value.clone(), &PortType::Any)?)));
                Ok(Value::Map(Arc::new(fields.collect::<Result<_, Refused>>()?)))
            }
            (value, _) => Ok(value),
        }
    }

    fn put(&self, bytes: &[u8], media_type: &str) -> Result<Value, Refused> {
        let stored = self.store.put(bytes, media_type).map_err(|error| failed(&error))?;
        Ok(Value::Artifact(Arc::new(stored)))
    }

    /// A handle that the player names: one of its inputs', or one that is in the store.
    fn known(&self, artifact: &ArtifactRef) -> Result<ArtifactRef, Refused> {
        if let Some(passed) = self.active.passed.iter().find(|passed| passed.digest == artifact.digest) {
            // A spilled value stays one, whatever the player calls it.
            let media_type = if passed.media_type == SPILLED { &passed.media_type } else { &artifact.media_type };
            return Ok(ArtifactRef { digest: passed.digest, media_type: media_type.clone(), size: passed.size });
        }
        let file = self.store.open(&artifact.digest).map_err(|error| match error {
            ArtifactError::Io { .. } => failed(&error),
            _ => invalid(error.to_string()),
        })?;
        let size = file.metadata().map_err(|error| (ErrorClass::Io, error.to_string()))?.len();
        if artifact.media_type == SPILLED {
            return Err(invalid("a handle to a spilled value that did not come with the inputs"));
        }
        Ok(ArtifactRef { size, ..artifact.clone() })
    }

    /// The content of a file that the player handed over.
    fn file(&mut self, number: usize, ty: &PortType) -> Result<Value, Refused> {
        let Some((file, media_type)) = self.active.given.get(number) else {
            return Err(invalid(format!("`$file` {number} was not handed over")));
        };
        let io = |error: std::io::Error| (ErrorClass::Io, format!("the file handed over: {error}"));
        let mut file = file.try_clone().map_err(io)?;
        let about = file.metadata().map_err(io)?;
        if !about.is_file() {
            return Err(invalid("what was handed over is not a plain file"));
        }
        file.rewind().map_err(io)?;
        if media_type != SPILLED {
            let media_type = if media_type.is_empty() { "application/octet-stream" } else { media_type };
            let stored = self.store.put_file(file, media_type).map_err(|error| failed(&error))?;
            return Ok(Value::Artifact(Arc::new(stored)));
        }
        if about.len() > MAX_VALUE {
            return Err(invalid(format!("a value of {} bytes; at most {MAX_VALUE} will do", about.len())));
        }
        let value: Value = serde_json::from_reader(BufReader::new(file.take(MAX_VALUE)))
            .map_err(|error| invalid(format!("the value handed over is not JSON: {error}")))?;
        // Within a value handed over as a file there are no further files.
        self.part(value, ty)
    }
}

/// Whether a part of a list or map must be placed.
fn needs_work(value: &Value, ty: &PortType) -> bool {
    match value {
        Value::Artifact(_) => true,
        Value::Text(_) | Value::Bytes(_) => matches!(ty.present(), PortType::Artifact(_)),
        Value::List(items) => match ty.present() {
            PortType::List(item) => items.iter().any(|value| needs_work(value, item)),
            _ => items.iter().any(|value| needs_work(value, &PortType::Any)),
        },
        Value::Map(map) => file_number(map).is_some() || map.values().any(|value| needs_work(value, &PortType::Any)),
        _ => false,
    }
}

fn file_number(map: &BTreeMap<String, Value>) -> Option<usize> {
    if map.len() != 1 {
        return None;
    }
    map.get("$file").and_then(Value::as_int).and_then(|number| usize::try_from(number).ok())
}

/// Holds a value against its type before it disappears from sight. Schemas are not known here, so a type that names
/// one is held against `json`.
fn checked(value: Value, ty: &PortType) -> Result<Value, Refused> {
    ty.without_schemas().check_value(&value, &Schemas::new()).map_err(|error| invalid(error.to_string()))
}

/// A type without the schemas that it names.
trait WithoutSchemas {
    fn without_schemas(&self) -> PortType;
}

impl WithoutSchemas for PortType {
    fn without_schemas(&self) -> PortType {
        match self {
            PortType::Json(_) => PortType::Json(None),
            PortType::List(item) => PortType::List(Box::new(item.without_schemas())),
            PortType::Optional(inner) => PortType::Optional(Box::new(inner.without_schemas())),
            PortType::Union(members) => PortType::Union(members.iter().map(Self::without_schemas).collect()),
            other => other.clone(),
        }
    }
}
