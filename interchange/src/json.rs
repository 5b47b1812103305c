//! JSON in which every value knows its place, so that whatever is wrong with it can be shown.
//!
//! Numbers stay as they are written: other tools write numbers that no `i64` or `f64` holds.

use crate::report::Refusal;
use std::borrow::Cow;

/// Deeper nestings are refused: the reader recurses.
const MAX_DEPTH: usize = 128;

/// A value and the byte at which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Json<'t> {
    /// What it is.
    pub value: Value<'t>,
    /// Where it begins.
    pub at: usize,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'t> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number as it is written.
    Number(&'t str),
    /// A text, decoded.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Json<'t>>),
    /// An object. Of a key that is written twice, the last entry counts.
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

/// A value that stands for what is not there.
static NULL: Json<'static> = Json { value: Value::Null, at: 0 };

impl<'t> Json<'t> {
    /// The entry of an object; null where there is none.
    pub fn get<'s>(&'s self, key: &str) -> &'s Json<'t> {
        self.find(key).unwrap_or(&NULL)
    }

    /// The entry of an object that is there and not null.
    pub fn find<'s>(&'s self, key: &str) -> Option<&'s Json<'t>> {
        let Value::Object(entries) = &self.value else { return None };
        let entry = entries.iter().rev().find(|(name, _)| name == key)?;
        (entry.1.value != Value::Null).then_some(&entry.1)
    }

    /// The items of a list; none where it is no list.
    pub fn items(&self) -> &[Json<'t>] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of an object in the order of the text; none where it is no object.
    pub fn entries(&self) -> &[(Cow<'t, str>, Json<'t>)] {
        match &self.value {
            Value::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub fn truth(&self) -> Option<bool> {
        match &self.value {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if it is one and finite.
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Number(number) => number.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        }
    }

    /// The whole number from zero on, if it is one.
    pub fn count(&self) -> Option<u64> {
        let Value::Number(number) = &self.value else { return None };
        number.parse().ok().or_else(|| {
            let number: f64 = number.parse().ok()?;
            (number >= 0.0 && number.fract() == 0.0 && number < 9e15).then_some(number as u64)
        })
    }

    /// A text or a number, as text: other tools write ids either way.
    pub fn word(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Number(number) => Some(Cow::Borrowed(number)),
            _ => None,
        }
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// Whether it is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

/// Reads a JSON text. The first fault ends the reading: the rest cannot be told from its consequences.
pub(crate) fn read(text: &str) -> Result<Json<'_>, Refusal> {
    let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut scan = Scan { text, bytes: text.as_bytes(), at, depth: 0 };
    let fault = |Fault { message, help, at }| Refusal::new(message, help).at(text, at);
    scan.space();
    if scan.peek().is_none() {
        return Err(Refusal::new("the file is empty", "give the file that the other tool exported").at(text, scan.at));
    }
    let json = scan.value().map_err(fault)?;
    scan.space();
    if scan.peek().is_some() {
        let help = "take away what follows the closing bracket; the file may hold two exports, or an edit gone wrong";
        return Err(Refusal::new("something stands after the end of the JSON value", help).at(text, scan.at));
    }
    Ok(json)
}

struct Fault {
    message: &'static str,
    help: &'static str,
    at: usize,
}

struct Scan<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes a byte after white space if it is this one.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn fault<T>(&self, message: &'static str, help: &'static str) -> Result<T, Fault> {
        Err(Fault { message, help, at: self.at })
    }

    fn value(&mut self) -> Result<Json<'t>, Fault> {
        self.space();
        let at = self.at;
        let value = match self.peek() {
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Value::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(_) => self.word()?,
            None => return self.fault("the JSON ends too early", "the file is cut off: export or copy it again"),
        };
        Ok(Json { value, at })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value<'t>, Fault>) -> Result<Value<'t>, Fault> {
        if self.depth >= MAX_DEPTH {
            return self
                .fault("lists and objects are nested more than 128 deep", "no workflow is; is it the right file?");
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value<'t>, Fault> {
        let mut entries = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Object(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                let help = "write `\"key\": value`; no comma stands after the last entry";
                return self.fault("a key in quotes is missing", help);
            }
            let key = self.string()?;
            if !self.take(b':') {
                return self.fault("a key has no value", "write a colon and a value after the key");
            }
            entries.push((key, self.value()?));
            if self.take(b'}') {
                return Ok(Value::Object(entries));
            }
            if !self.take(b',') {
                let message = "an object is not closed, or two entries have no comma between them";
                return self.fault(message, "write `,` between entries and `}` after the last one");
            }
        }
    }

    fn list(&mut self) -> Result<Value<'t>, Fault> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                let message = "a list is not closed, or two items have no comma between them";
                return self.fault(message, "write `,` between items and `]` after the last one");
            }
        }
    }

    fn word(&mut self) -> Result<Value<'t>, Fault> {
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.fault(
            "a value is missing, or this is not JSON",
            "texts stand in double quotes; no comma stands after the last item",
        )
    }

    fn number(&mut self) -> Result<&'t str, Fault> {
        let start = self.at;
        let digits = |scan: &mut Self| {
            let from = scan.at;
            while let Some(b'0'..=b'9') = scan.peek() {
                scan.at += 1;
            }
            scan.at > from
        };
        self.at += usize::from(self.peek() == Some(b'-'));
        let whole = self.at;
        let mut sound = digits(self) && (self.bytes.get(whole) != Some(&b'0') || self.at == whole + 1);
        if self.peek() == Some(b'.') {
            self.at += 1;
            sound &= digits(self);
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            sound &= digits(self);
        }
        if !sound {
            self.at = start;
            return self.fault("this is not a number", "write digits, one point at most, no leading zero");
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Fault> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        let mut decoded: Option<String> = None;
        let mut from = start;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.text.get(from..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(match decoded {
                        None => Cow::Borrowed(rest),
                        Some(text) => Cow::Owned(text + rest),
                    });
                }
                Some(b'\\') => {
                    let text = decoded.get_or_insert_default();
                    text.push_str(self.text.get(from..self.at).unwrap_or_default());
                    let c = self.escape()?;
                    decoded.get_or_insert_default().push(c);
                    from = self.at;
                }
                Some(0x20..) => self.at += 1,
                Some(_) => {
                    return self.fault(
                        "a text holds a line break or another control character",
                        "close the text with a quote, or write the character as an escape such as \\n",
                    );
                }
                None => {
                    self.at = open;
                    return self.fault("a text is not closed", "write the closing quote; the file may be cut off");
                }
            }
        }
    }

    /// A character that is written as an escape. Half of a surrogate pair becomes the replacement character.
    fn escape(&mut self) -> Result<char, Fault> {
        let simple = match self.bytes.get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fault("a text holds a wrong escape", "a backslash in a text is written `\\\\`"),
        };
        self.at += 2;
        Ok(simple)
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let Some(high) = self.hex(self.at) else {
            return self.fault("a text holds a wrong escape", "write four hexadecimal digits after `\\u`");
        };
        self.at += 6;
        if let 0xd800..=0xdbff = high
            && let Some(low @ 0xdc00..=0xdfff) = self.hex(self.at)
        {
            self.at += 6;
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn faults_have_places() {
        assert_eq!(fault("{\n  \"a\": 1,\n}"), "line 3, column 1: a key in quotes is missing");
        assert_eq!(
            fault("{\"ä\": [1 2]}"),
            "line 1, column 10: a list is not closed, or two items have no comma between them"
        );
        assert_eq!(fault("{}\n,"), "line 2, column 1: something stands after the end of the JSON value");
        assert_eq!(fault("{\"a\": \"x"), "line 1, column 7: a text is not closed");
        assert_eq!(fault("{\"a\""), "line 1, column 5: a key has no value");
        assert_eq!(fault("[1,"), "line 1, column 4: the JSON ends too early");
        assert_eq!(fault("[01]"), "line 1, column 2: this is not a number");
        assert_eq!(fault("[NaN]"), "line 1, column 2: a value is missing, or this is not JSON");
        assert_eq!(fault("[\"\\q\"]"), "line 1, column 3: a text holds a wrong escape");
        assert_eq!(fault("[\"a\nb\"]"), "line 1, column 4: a text holds a line break or another control character");
        assert_eq!(fault(" \n"), "line 2, column 1: the file is empty");
        assert!(fault(&"[".repeat(100_000)).contains("nested more than 128 deep"));
    }

    #[test]
    fn values_know_where_they_stand() {
        let json =
            read("\u{feff}{\"a\": [true, -1.5e3, \"x\\u00e4\\ud83d\\ude00\\n\"], \"a\": {\"b\": null}}").unwrap();
        assert_eq!(json.get("a").get("b").value, Value::Null);
        assert!(json.get("a").find("b").is_none() && json.get("c").get("d").text().is_none());
        let first = &json.entries()[0].1;
        assert_eq!(first.items()[1].number(), Some(-1500.0));
        assert_eq!(first.items()[2].text(), Some("xä😀\n"));
        assert_eq!(first.items()[0].at, 10);
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_reads(text in "[\\[\\]{}:,\"a1.\\-eu\\\\ntrul ]{0,24}") {
            // Numbers beyond f64 and lone surrogates are ours alone; neither can be made of so few characters.
            prop_assert_eq!(read(&text).is_ok(), serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
