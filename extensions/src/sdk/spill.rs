//! Values that are too large for a frame travel as files: read back on the way in, handed over on the way out.

use super::{PortType, Reporter, Value};
use crate::bus::size::exceeds;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::sync::Arc;
use symphony_ecs_core::value::{INLINE_LIMIT, SPILLED};

/// The value with every spilled part of it read back; `None` when nothing in it is spilled.
pub(super) fn unspill(report: &dyn Reporter, value: &Value) -> io::Result<Option<Value>> {
    match value {
        Value::Artifact(artifact) if artifact.media_type == SPILLED => {
            let value = serde_json::from_reader(BufReader::new(report.open(artifact)?))?;
            Ok(Some(value))
        }
        Value::List(items) => {
            let mut whole: Option<Vec<Value>> = None;
            for (place, item) in items.iter().enumerate() {
                if let Some(value) = unspill(report, item)?
                    && let Some(slot) = whole.get_or_insert_with(|| items.to_vec()).get_mut(place)
                {
                    *slot = value;
                }
            }
            Ok(whole.map(Value::list))
        }
        Value::Map(map) => {
            let mut whole = None;
            for (key, item) in map.iter() {
                if let Some(value) = unspill(report, item)? {
                    whole.get_or_insert_with(|| (**map).clone()).insert(key.clone(), value);
                }
            }
            Ok(whole.map(|map| Value::Map(Arc::new(map))))
        }
        _ => Ok(None),
    }
}

/// Hands a large output over as a file in memory: text and bytes for an artifact port as they are, anything else as
/// canonical JSON. Small ones stay.
pub(super) fn give_large(report: &dyn Reporter, ty: Option<&PortType>, value: &mut Value) -> io::Result<()> {
    if !exceeds(value, INLINE_LIMIT) {
        return Ok(());
    }
    let artifact = ty.and_then(|ty| match ty.present() {
        PortType::Artifact(media) => Some(media),
        _ => None,
    });
    let given = match (&*value, artifact) {
        (Value::Text(text), Some(media)) => {
            let media_type = crate::bus::size::concrete(media.as_ref(), "text/plain");
            report.give(memory_file(text.as_bytes())?, &media_type)?
        }
        (Value::Bytes(bytes), Some(media)) => {
            let media_type = crate::bus::size::concrete(media.as_ref(), "application/octet-stream");
            report.give(memory_file(bytes)?, &media_type)?
        }
        (value, _) => report.give(memory_file(value.canonical_json().as_bytes())?, SPILLED)?,
    };
    *value = given;
    Ok(())
}

fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("output", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}
