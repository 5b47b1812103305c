//! Values that travel along edges, their canonical JSON and their digest.
//!
//! A value is small (24 bytes; text, lists and maps are shared), so gathering inputs copies no data. The digest of
//! a value is BLAKE3 over its canonical JSON (for an artifact: over the artifact's bytes), which makes equal values
//! equal on every machine.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;

/// Values up to this many bytes of canonical JSON travel inline; larger ones go to the Artifact Store.
pub const INLINE_LIMIT: usize = 64 * 1024;

/// Media type of a spilled value: canonical JSON of a value that is larger than [`INLINE_LIMIT`] and therefore lives
/// in the Artifact Store. Its handle stands for the value wherever the port's type is not `artifact`.
pub const SPILLED: &str = "application/vnd.symphony.value+json";

/// What a port carries.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value: the producer was skipped, or gave nothing on an optional port. JSON: `null`.
    #[default]
    Absent,
    /// A truth value.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float; never NaN or infinite (those become [`Value::Absent`] at the border).
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Bytes. JSON: `{"$bytes": "base64…"}`.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A JSON object, keys in order.
    Map(Arc<BTreeMap<String, Value>>),
    /// A handle to the Artifact Store. JSON: `{"$artifact": "blake3:…", "media_type": …, "size": …}`.
    Artifact(Arc<ArtifactRef>),
}

/// A handle to bytes in the Artifact Store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArtifactRef {
    /// Digest of the bytes.
    pub digest: Digest,
    /// Media type such as `text/markdown`.
    pub media_type: String,
    /// Length in bytes.
    pub size: u64,
}

/// A BLAKE3 digest, written `blake3:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The 64 hexadecimal digits without the prefix.
    pub fn hex(&self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blake3:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not `blake3:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected `blake3:` and 64 hexadecimal digits")]
pub struct BadDigest;

impl FromStr for Digest {
    type Err = BadDigest;
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let hex = text.strip_prefix("blake3:").ok_or(BadDigest)?;
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(BadDigest);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BadDigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| BadDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl Value {
    /// Text from anything that converts to a shared string.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Self {
        Self::List(Arc::new(items))
    }

    /// A map from pairs.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(Arc::new(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// Whether there is a value at all.
    #[inline]
    pub fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[inline]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The number as a float, if it is a number.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The field of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// Converts from JSON. Objects with `$artifact` or `$bytes` become handles and bytes; a malformed one stays a
    /// plain object.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Absent,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(float)) if float.is_finite() => Self::Float(float),
                _ => Self::Absent,
            },
            Json::String(text) => Self::text(text.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => {
                let map = map.iter().map(|(key, value)| (key.clone(), Self::from_json(value))).collect();
                Self::from_map(map)
            }
        }
    }

    /// A map, or the handle or bytes that it spells.
    fn from_map(map: BTreeMap<String, Value>) -> Self {
        if let Some(digest) = map.get("$artifact").and_then(Value::as_text).and_then(|text| text.parse().ok()) {
            let media_type = map.get("media_type").and_then(Value::as_text).unwrap_or("application/octet-stream");
            let size = map.get("size").and_then(Value::as_int).and_then(|size| u64::try_from(size).ok());
            if let Some(size) = size {
                return Self::Artifact(Arc::new(ArtifactRef { digest, media_type: media_type.to_owned(), size }));
            }
        }
        if let (1, Some(text)) = (map.len(), map.get("$bytes").and_then(Value::as_text))
            && let Some(bytes) = base64_decode(text)
        {
            return Self::Bytes(bytes.into());
        }
        Self::Map(Arc::new(map))
    }

    /// Converts to JSON (see the variants for how handles and bytes are spelled).
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }

    /// Canonical JSON: keys sorted, no spaces. The digest of a value is taken over it.
    pub fn canonical_json(&self) -> String {
        // A BTreeMap is sorted by construction and serde_json adds no spaces.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The value's digest: of the bytes for artifacts, of the canonical JSON for everything else.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Artifact(artifact) => artifact.digest,
            other => Digest::of(other.canonical_json().as_bytes()),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) if serializer.is_human_readable() => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("$bytes", &base64_encode(bytes))?;
                map.end()
            }
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => items.serialize(serializer),
            Self::Map(map) => map.serialize(serializer),
            Self::Artifact(artifact) => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("$artifact", &artifact.digest)?;
                map.serialize_entry("media_type", &artifact.media_type)?;
                map.serialize_entry("size", &artifact.size)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> de::Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Absent)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Absent)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }
    fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
        Ok(Value::Int(int))
    }
    fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
        Ok(i64::try_from(int).map_or(Value::Float(int as f64), Value::Int))
    }
    fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
        Ok(if float.is_finite() { Value::Float(float) } else { Value::Absent })
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text))
    }
    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(bytes.into()))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::list(items))
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            map.insert(key, value);
        }
        Ok(Value::from_map(map))
    }
}

macro_rules! value_from {
    ($($from:ty => $make:expr),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                $make(value)
            }
        }
    )*};
}
value_from! {
    bool => Value::Bool,
    i64 => Value::Int,
    &str => |text: &str| Value::Text(text.into()),
    String => |text: String| Value::Text(text.into()),
    Vec<Value> => Value::list,
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        let mut word = 0u32;
        for digit in chunk {
            word = (word << 6) | BASE64.iter().position(|known| known == digit)? as u32;
        }
        word <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_24_bytes() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn json_round_trips_every_kind() {
        let artifact = ArtifactRef { digest: Digest::of(b"x"), media_type: "text/plain".into(), size: 1 };
        let value = Value::map([
            ("bytes", Value::Bytes(vec![0, 1, 2, 255].into())),
            ("list", Value::list(vec![Value::Int(1), Value::Float(1.5), Value::Absent, Value::Bool(true)])),
            ("artifact", Value::Artifact(Arc::new(artifact))),
            ("text", Value::text("ä \" \n")),
        ]);
        assert_eq!(Value::from_json(&value.to_json()), value);
        assert_eq!(serde_json::from_str::<Value>(&value.canonical_json()).unwrap(), value);
    }

    #[test]
    fn base64_is_the_standard_alphabet() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64_encode(bytes.as_bytes()), text);
            assert_eq!(base64_decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(base64_decode("Z?=="), None);
    }

    #[test]
    fn digests_are_written_and_read() {
        let digest = Digest::of(b"symphony");
        assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        assert!("blake3:zz".parse::<Digest>().is_err());
    }
}
