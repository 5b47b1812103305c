//! How payloads are written: MessagePack with named fields, or JSON for players that have nothing else.

use super::frame::{self, FrameError, FrameType};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Deepest nesting of a payload.
const DEPTH: usize = 128;

/// The codec of a connection. The manifest names it; both ends know it before the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// MessagePack, structs as maps of names.
    #[default]
    MessagePack,
    /// JSON.
    Json,
}

/// A payload that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// It is not the message it should be.
    #[error("malformed {codec}: {message}")]
    Malformed {
        /// `MessagePack` or `JSON`.
        codec: &'static str,
        /// What does not fit.
        message: String,
    },
    /// It does not fit a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl Codec {
    /// The word in a manifest and in the environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessagePack => "msgpack",
            Self::Json => "json",
        }
    }

    /// The codec of a word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::MessagePack, Self::Json].into_iter().find(|codec| codec.as_str() == word)
    }

    fn malformed(self, error: impl std::fmt::Display) -> CodecError {
        let codec = match self {
            Self::MessagePack => "MessagePack",
            Self::Json => "JSON",
        };
        CodecError::Malformed { codec, message: error.to_string() }
    }

    /// Appends a whole frame with `message` as its payload; on an error `out` is as it was.
    pub fn frame<T: Serialize>(self, kind: FrameType, message: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let start = frame::begin(kind, out);
        let written = match self {
            Self::MessagePack => rmp_serde::encode::write_named(out, message).map_err(|error| self.malformed(error)),
            Self::Json => serde_json::to_writer(&mut *out, message).map_err(|error| self.malformed(error)),
        };
        if let Err(error) = written {
            out.truncate(start);
            return Err(error);
        }
        Ok(frame::finish(start, out)?)
    }

    /// Reads a payload. Trailing bytes and nesting beyond 128 levels are errors.
    pub fn decode<T: DeserializeOwned>(self, payload: &[u8]) -> Result<T, CodecError> {
        match self {
            Self::MessagePack => {
                let mut rest = payload;
                let mut reader = rmp_serde::Deserializer::new(&mut rest);
                reader.set_max_depth(DEPTH);
                let message = T::deserialize(&mut reader).map_err(|error| self.malformed(error))?;
                if rest.is_empty() { Ok(message) } else { Err(self.malformed("bytes follow the message")) }
            }
            Self::Json => serde_json::from_slice(payload).map_err(|error| self.malformed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Failed, Request, Response};
    use super::*;
    use proptest::prelude::*;
    use symphony_ecs_core::value::Value;

    fn some_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Absent),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e300..1e300f64).prop_map(Value::Float),
            "\\PC{0,12}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Value::Bytes(bytes.into())),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..5).prop_map(Value::map),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_round_trip_in_both_codecs(value in some_value()) {
            for codec in [Codec::MessagePack, Codec::Json] {
                let response = Response { id: 7, outputs: [("x".to_owned(), value.clone())].into(), usage: Default::default() };
                let mut bytes = Vec::new();
                codec.frame(FrameType::Response, &response, &mut bytes).unwrap();
                let back: Response = codec.decode(&bytes[frame::HEADER..]).unwrap();
                prop_assert_eq!(back.outputs.get("x"), Some(&value));
            }
        }

        #[test]
        fn arbitrary_payloads_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            for codec in [Codec::MessagePack, Codec::Json] {
                let _ = codec.decode::<Response>(&bytes);
                let _ = codec.decode::<Request>(&bytes);
                let _ = codec.decode::<Failed>(&bytes);
                let _ = codec.decode::<Value>(&bytes);
            }
        }
    }

    #[test]
    fn depth_bombs_and_false_lengths_are_errors() {
        let bomb = vec![0x91; 100_000];
        assert!(Codec::MessagePack.decode::<Value>(&bomb).is_err());
        assert!(Codec::Json.decode::<Value>("[".repeat(100_000).as_bytes()).is_err());
        // An array, a map and a text that announce 4 GiB.
        for marker in [0xdd, 0xdf, 0xdb, 0xc6] {
            assert!(Codec::MessagePack.decode::<Value>(&[marker, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
        }
    }

    #[test]
    fn trailing_bytes_are_errors() {
        assert!(Codec::MessagePack.decode::<Value>(&[1, 2]).is_err());
        assert!(Codec::Json.decode::<Value>(b"1 2").is_err());
    }
}
