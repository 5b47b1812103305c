//! The reader of port types: a small recursive descent over the text, with places and cures in its errors.

use super::{MAX_NESTING, MediaType, PortType};
use std::ops::Range;

/// A text that is not a type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TypeError {
    /// Where in the text, in bytes.
    pub span: Range<usize>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The cure.
    pub help: Option<String>,
}

/// The words that begin a type.
const WORDS: [&str; 10] = ["any", "artifact", "bool", "bytes", "enum", "float", "int", "json", "list", "text"];

/// What people write who come from elsewhere, and what they mean.
const ELSEWHERE: [(&str, &str); 20] = [
    ("array", "list<any>"),
    ("binary", "bytes"),
    ("blob", "artifact"),
    ("boolean", "bool"),
    ("dict", "json"),
    ("double", "float"),
    ("f64", "float"),
    ("file", "artifact"),
    ("i64", "int"),
    ("integer", "int"),
    ("list", "list<any>"),
    ("long", "int"),
    ("map", "json"),
    ("number", "float"),
    ("object", "json"),
    ("path", "text"),
    ("record", "json"),
    ("str", "text"),
    ("string", "text"),
    ("vec", "list<any>"),
];

impl PortType {
    /// Reads a type. Spaces are allowed between its parts; types nest at most [`MAX_NESTING`] deep.
    ///
    /// ```
    /// use symphony_ecs_core::types::PortType;
    /// assert_eq!(PortType::parse("list< int | text? >").unwrap().to_string(), "list<int|text?>");
    /// assert_eq!(PortType::parse("string").unwrap_err().help.unwrap(), "write `text`");
    /// ```
    pub fn parse(text: &str) -> Result<PortType, TypeError> {
        let mut reader = Reader { text, at: 0 };
        let ty = reader.union(0)?;
        reader.spaces();
        match reader.rest().chars().next() {
            None => Ok(ty),
            Some(found) => Err(reader.error(
                reader.at..reader.at + found.len_utf8(),
                format!("unexpected `{found}` after the type `{ty}`"),
                Some("join types with `|`, and write `?` for a value that may be absent".to_owned()),
            )),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Goes past a character, if it comes next.
    fn eat(&mut self, wanted: char) -> bool {
        self.spaces();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    /// Takes characters as long as they please, and their place.
    fn take(&mut self, pleases: impl Fn(char) -> bool) -> (&'a str, Range<usize>) {
        self.spaces();
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !pleases(c)).unwrap_or(rest.len())];
        let start = self.at;
        self.at += taken.len();
        (taken, start..self.at)
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>, help: Option<String>) -> TypeError {
        TypeError { span, message: message.into(), help }
    }

    fn close(&mut self, what: &str) -> Result<(), TypeError> {
        let close = if what == "(" { ')' } else { '>' };
        if self.eat(close) {
            return Ok(());
        }
        let end = self.rest().chars().next().map_or(self.at, |next| self.at + next.len_utf8());
        Err(self.error(self.at..end, format!("`{close}` is missing"), Some(format!("close `{what}` with `{close}`"))))
    }

    fn union(&mut self, depth: usize) -> Result<PortType, TypeError> {
        if depth > MAX_NESTING {
            let message = format!("the type nests deeper than {MAX_NESTING} levels");
            return Err(self.error(self.at..self.text.len(), message, Some("use `json` or `any` inside".into())));
        }
        let mut members = vec![self.member(depth)?];
        while self.eat('|') {
            members.push(self.member(depth)?);
        }
        Ok(PortType::union(members))
    }

    fn member(&mut self, depth: usize) -> Result<PortType, TypeError> {
        let mut ty = if self.eat('(') {
            let inner = self.union(depth + 1)?;
            self.close("(")?;
            inner
        } else {
            self.word(depth)?
        };
        while self.eat('?') {
            ty = ty.optional();
        }
        Ok(ty)
    }

    fn word(&mut self, depth: usize) -> Result<PortType, TypeError> {
        let (word, span) = self.take(|c| c.is_alphanumeric() || c == '_' || c == '-');
        match word {
            "any" => Ok(PortType::Any),
            "bool" => Ok(PortType::Bool),
            "int" => Ok(PortType::Int),
            "float" => Ok(PortType::Float),
            "text" => Ok(PortType::Text),
            "bytes" => Ok(PortType::Bytes),
            "json" => self.json(),
            "artifact" => self.artifact(),
            "enum" if self.eat('<') => self.words(),
            "list" if self.eat('<') => {
                let item = self.union(depth + 1)?;
                self.close("list<")?;
                Ok(PortType::list(item))
            }
            "enum" => Err(self.error(span, "`enum` needs its words", Some("write `enum<yes|no>`".into()))),
            "list" => Err(self.error(span, "`list` needs the type of its items", Some("write `list<any>`".into()))),
            "" => {
                let found = self.rest().chars().next();
                let end = found.map_or(self.at, |c| self.at + c.len_utf8());
                let message = match found {
                    None => "a type is missing".to_owned(),
                    Some(found) => format!("a type cannot begin with `{found}`"),
                };
                Err(self.error(self.at..end, message, Some(format!("write one of {}", WORDS.join(", ")))))
            }
            unknown => Err(self.error(span, format!("unknown type `{}`", shown(unknown)), Some(meant(unknown)))),
        }
    }

    fn json(&mut self) -> Result<PortType, TypeError> {
        if !self.eat('<') {
            return Ok(PortType::Json(None));
        }
        let (name, span) = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if name.is_empty() {
            let help = "write `json<Name>` with a name from `[types]`, or `json`".to_owned();
            return Err(self.error(span, "`json<…>` needs the name of a schema", Some(help)));
        }
        self.close("json<")?;
        Ok(PortType::Json((name != "any").then(|| name.to_owned())))
    }

    fn words(&mut self) -> Result<PortType, TypeError> {
        let mut words: Vec<String> = Vec::new();
        loop {
            let (word, span) = self.take(|c| !matches!(c, '|' | '<' | '>') && !c.is_control());
            let word = word.trim_end();
            let span = span.start..span.start + word.len();
            if word.is_empty() {
                return Err(self.error(span, "a word of the enum is missing", Some("write `enum<yes|no>`".into())));
            }
            if words.iter().any(|known| known == word) {
                let message = format!("the enum lists `{}` twice", shown(word));
                return Err(self.error(span, message, Some("leave the second one out".into())));
            }
            words.push(word.to_owned());
            if !self.eat('|') {
                break;
            }
        }
        self.close("enum<")?;
        Ok(PortType::Enum(words))
    }

    fn artifact(&mut self) -> Result<PortType, TypeError> {
        if !self.eat('<') {
            return Ok(PortType::Artifact(None));
        }
        let part = |c: char| c.is_ascii_alphanumeric() || "!#$&^_.+-*".contains(c);
        let (kind, start) = self.take(part);
        let slash = self.eat('/');
        let (subtype, end) = self.take(part);
        let span = start.start..end.end;
        let sound = |name: &str| !name.is_empty() && !name.contains('*');
        let media = match (kind, subtype) {
            ("*", "*") if slash => None,
            (kind, "*") if slash && sound(kind) => Some((kind, None)),
            (kind, subtype) if slash && sound(kind) && sound(subtype) => Some((kind, Some(subtype))),
            _ => {
                let help = "write `artifact<text/markdown>`, `artifact<text/*>` or `artifact`".to_owned();
                return Err(self.error(span, "not a media type", Some(help)));
            }
        };
        self.close("artifact<")?;
        Ok(PortType::Artifact(media.map(|(kind, subtype)| MediaType {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.map(str::to_ascii_lowercase),
        })))
    }
}

/// A word as it stands in a message: short.
fn shown(word: &str) -> String {
    if word.chars().count() <= 40 { word.to_owned() } else { word.chars().take(40).chain(['…']).collect() }
}

/// What an unknown word probably means.
fn meant(word: &str) -> String {
    let lower = word.to_lowercase();
    if let Some((_, meant)) = ELSEWHERE.iter().find(|(foreign, _)| *foreign == lower) {
        return format!("write `{meant}`");
    }
    if let Some(known) = WORDS.iter().find(|known| strsim::damerau_levenshtein(known, &shown(&lower)) <= 1) {
        return format!("did you mean `{known}`?");
    }
    if word.starts_with(|c: char| c.is_ascii_uppercase()) {
        return format!("a schema of `[types]` is written `json<{}>`", shown(word));
    }
    format!("the types are {}", WORDS.join(", "))
}
