//! Types of ports: `bool int float text bytes json<Schema> enum<…> list<T> artifact<media-type> any`, unions `A|B`,
//! and `T?` for a value that may be absent.
//!
//! [`PortType::parse`] reads them, [`PortType::accepts`] says whether an edge may join two ports, and
//! [`PortType::check_value`] holds a value against its type when it crosses a player's border.

mod border;
mod parse;
mod schemas;
#[cfg(test)]
mod tests;

pub use border::ValueError;
pub use parse::TypeError;
pub(crate) use schemas::compile as compile_schema;
pub use schemas::{SchemaError, Schemas};

use std::fmt;

/// How deep types may nest: `list<list<…>>`.
pub const MAX_NESTING: usize = 32;

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

/// A media type or a range of them, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MediaType {
    /// What stands before the slash.
    pub kind: String,
    /// What stands after it; `None` is `*`.
    pub subtype: Option<String>,
}

impl PortType {
    /// A list of this type.
    pub fn list(item: PortType) -> Self {
        Self::List(Box::new(item))
    }

    /// This type or nothing. `T??` is `T?`.
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) => self,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// One of these types: nested unions are opened, repetitions dropped, and a union of one is that one.
    /// A union of none is `any`.
    pub fn union(members: impl IntoIterator<Item = PortType>) -> Self {
        let mut flat = Vec::new();
        for member in members {
            let inner = match member {
                Self::Union(inner) => inner,
                other => vec![other],
            };
            for ty in inner {
                if !flat.contains(&ty) {
                    flat.push(ty);
                }
            }
        }
        match flat.len() {
            0 => Self::Any,
            1 => flat.swap_remove(0),
            _ => Self::Union(flat),
        }
    }

    /// The type of a value that is certainly there: `T` for `T?`.
    pub fn present(&self) -> &PortType {
        match self {
            Self::Optional(inner) => inner,
            other => other,
        }
    }

    /// Whether an absent value fits.
    pub fn may_be_absent(&self) -> bool {
        match self {
            Self::Any | Self::Optional(_) => true,
            Self::Union(members) => members.iter().any(Self::may_be_absent),
            _ => false,
        }
    }

    /// Whether a port of this type takes what a port of type `from` gives: equal types, or a widening.
    ///
    /// Widenings are `int → float`, `enum → text`, an enum to one with more words, `json<S> → json`,
    /// `bool`, `int`, `float`, `text`, enums and lists of JSON → `json`, `artifact<a/b> → artifact<a/*> → artifact`,
    /// `T → any`, `T → T?`, `T →` a union that has it; a union goes where all its members go, and lists follow
    /// their items. `any` goes everywhere: what it really holds is only known when the value arrives, and
    /// [`check_value`](Self::check_value) looks then.
    pub fn accepts(&self, from: &PortType) -> bool {
        match (self, from) {
            (Self::Any, _) | (_, Self::Any) => true,
            (_, Self::Union(members)) => members.iter().all(|member| self.accepts(member)),
            (_, Self::Optional(inner)) => self.may_be_absent() && self.accepts(inner),
            (Self::Optional(inner), _) => inner.accepts(from),
            (Self::Union(members), _) => members.iter().any(|member| member.accepts(from)),
            (Self::Float, Self::Int) | (Self::Text, Self::Enum(_)) => true,
            (Self::Enum(words), Self::Enum(fewer)) => fewer.iter().all(|word| words.contains(word)),
            (Self::Json(None), _) => from.is_json(),
            (Self::List(item), Self::List(from)) => item.accepts(from),
            (Self::Artifact(to), Self::Artifact(from)) => match (to, from) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(to), Some(from)) => to.kind == from.kind && (to.subtype.is_none() || to.subtype == from.subtype),
            },
            _ => self == from,
        }
    }

    /// Whether every value of this type is JSON as it stands.
    fn is_json(&self) -> bool {
        match self {
            Self::Bytes | Self::Artifact(_) => false,
            Self::List(inner) | Self::Optional(inner) => inner.is_json(),
            Self::Union(members) => members.iter().all(Self::is_json),
            _ => true,
        }
    }
}

impl fmt::Display for PortType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Text => f.write_str("text"),
            Self::Bytes => f.write_str("bytes"),
            Self::Json(None) => f.write_str("json"),
            Self::Json(Some(schema)) => write!(f, "json<{schema}>"),
            Self::Enum(words) => write!(f, "enum<{}>", words.join("|")),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Artifact(None) => f.write_str("artifact"),
            Self::Artifact(Some(media)) => write!(f, "artifact<{media}>"),
            Self::Union(members) => {
                for (place, member) in members.iter().enumerate() {
                    if place > 0 {
                        f.write_str("|")?;
                    }
                    write!(f, "{member}")?;
                }
                Ok(())
            }
            Self::Optional(inner) => match **inner {
                Self::Union(_) => write!(f, "({inner})?"),
                _ => write!(f, "{inner}?"),
            },
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.subtype.as_deref().unwrap_or("*"))
    }
}
