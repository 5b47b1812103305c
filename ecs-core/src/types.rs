//! Types of ports: `bool int float text bytes json<Schema> enum<…> list<T> artifact<media-type> any`, unions `A|B`,
//! and `T?` for a value that may be absent.

/// The type of a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PortType {
    /// Anything.
    Any,
    /// A truth value.
    Bool,
    /// A 64-bit integer.
    Int,
    /// A 64-bit float.
    Float,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// JSON, of a schema named in `[types]` or of any shape (`json`, `json<any>`).
    Json(Option<String>),
    /// One of the listed texts.
    Enum(Vec<String>),
    /// A list.
    List(Box<PortType>),
    /// A handle to an artifact: `artifact`, `artifact<text/*>` or `artifact<text/markdown>`.
    Artifact(Option<MediaType>),
    /// One of several types, at least two.
    Union(Vec<PortType>),
    /// A value that may be absent.
    Optional(Box<PortType>),
}

/// A media type or a range of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaType {
    /// What stands before the slash.
    pub kind: String,
    /// What stands after it; `None` is `*`.
    pub subtype: Option<String>,
}
