//! Types and expressions until their own modules can read them.

use crate::expr::Expr;
use crate::types::{MediaType, PortType};
use std::fmt;
use std::ops::Range;

/// Why a text is no type or expression.
pub struct ShimError {
    /// Which part.
    pub span: Range<usize>,
    /// What it is.
    pub message: String,
    /// The cure.
    pub help: Option<String>,
}

impl PortType {
    /// Reads a type.
    pub fn parse(text: &str) -> Result<PortType, ShimError> {
        let text = text.trim();
        let bad = || ShimError { span: 0..text.len(), message: "not a type".into(), help: None };
        if let Some(inner) = text.strip_suffix('?') {
            return Ok(Self::Optional(Box::new(Self::parse(inner)?)));
        }
        let mut depth = 0;
        let mut parts = vec![String::new()];
        for c in text.chars() {
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            match parts.last_mut() {
                Some(_) if c == '|' && depth == 0 => parts.push(String::new()),
                Some(part) => part.push(c),
                None => {}
            }
        }
        if parts.len() > 1 {
            return Ok(Self::Union(parts.iter().map(|part| Self::parse(part)).collect::<Result<_, _>>()?));
        }
        let (name, inner) = match text.split_once('<') {
            Some((name, rest)) => (name, Some(rest.strip_suffix('>').ok_or_else(bad)?)),
            None => (text, None),
        };
        Ok(match (name, inner) {
            ("any", None) => Self::Any,
            ("bool", None) => Self::Bool,
            ("int", None) => Self::Int,
            ("float", None) => Self::Float,
            ("text", None) => Self::Text,
            ("bytes", None) => Self::Bytes,
            ("json", None | Some("any")) => Self::Json(None),
            ("json", Some(name)) => Self::Json(Some(name.into())),
            ("enum", Some(words)) => Self::Enum(words.split('|').map(str::to_owned).collect()),
            ("list", Some(item)) => Self::List(Box::new(Self::parse(item)?)),
            ("artifact", None) => Self::Artifact(None),
            ("artifact", Some(media)) => {
                let (kind, subtype) = media.split_once('/').ok_or_else(bad)?;
                Self::Artifact(Some(MediaType { kind: kind.into(), subtype: (subtype != "*").then(|| subtype.into()) }))
            }
            _ => return Err(bad()),
        })
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
            Self::Json(Some(name)) => write!(f, "json<{name}>"),
            Self::Enum(words) => write!(f, "enum<{}>", words.join("|")),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Artifact(None) => f.write_str("artifact"),
            Self::Artifact(Some(media)) => {
                write!(f, "artifact<{}/{}>", media.kind, media.subtype.as_deref().unwrap_or("*"))
            }
            Self::Union(types) => f.write_str(&types.iter().map(Self::to_string).collect::<Vec<_>>().join("|")),
            Self::Optional(inner) => write!(f, "{inner}?"),
        }
    }
}

impl Expr {
    /// Reads an expression.
    pub fn parse(text: &str) -> Result<Expr, ShimError> {
        if text.trim().is_empty() {
            return Err(ShimError { span: 0..text.len(), message: "empty".into(), help: None });
        }
        Ok(Self { text: text.to_owned() })
    }
}
