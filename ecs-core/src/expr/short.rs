//! The short way for the commonest expressions: `node.port`, `has(node.port)`, their negations, and a port compared
//! with a literal. The grammar's parser is made for everything and takes some ten microseconds for the smallest text,
//! so reading a melody of thousands of conditions would be mostly that. What is not plainly one of these forms goes
//! its way.

use super::NameUse;
use super::code::{Binary, Code};
use super::parse::Lowered;
use crate::value::Value;

/// Words that the language keeps to itself; whether and how they are refused is the parser's business.
const KEPT: &[&str] = &[
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Longer signs first.
const COMPARISONS: &[(&str, Binary)] = &[
    ("==", Binary::Equal),
    ("!=", Binary::NotEqual),
    ("<=", Binary::LessEqual),
    (">=", Binary::GreaterEqual),
    ("<", Binary::Less),
    (">", Binary::Greater),
];

/// Reads one of the short forms; `None` for everything else.
pub(super) fn parse(text: &str) -> Option<Lowered> {
    let mut rest = Rest { text, at: 0 };
    rest.skip_blanks();
    let negated = rest.take("!");
    rest.skip_blanks();
    let tested = rest.take("has(");
    rest.skip_blanks();
    let (of, name, reference) = rest.port()?;
    rest.skip_blanks();
    let code = match tested {
        true if rest.take(")") => Code::Has { of: Box::new(of), name: name.into() },
        true => return None,
        false => Code::Field { of: Box::new(of), name: name.into() },
    };
    rest.skip_blanks();
    let code = match (negated, rest.is_empty()) {
        (true, true) => Code::Not(Box::new(code)),
        (false, true) => code,
        // What a negation before an operator binds is the parser's business.
        (true, false) => return None,
        (false, false) => {
            let (_, op) = COMPARISONS.iter().find(|(sign, _)| rest.take(sign))?;
            rest.skip_blanks();
            let literal = Code::Const(rest.literal()?);
            rest.skip_blanks();
            if !rest.is_empty() {
                return None;
            }
            Code::Binary { op: *op, sides: Box::new([code, literal]), steps: 1 }
        }
    };
    Some(Lowered { code, references: vec![reference], locals: 0 })
}

/// What has not been read yet.
struct Rest<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Rest<'t> {
    fn left(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.left().is_empty()
    }

    fn skip_blanks(&mut self) {
        self.take_while(|byte| byte == b' ');
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.left().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let left = self.left();
        let length = left.bytes().take_while(|byte| belongs(*byte)).count();
        self.at += length;
        left.get(..length).unwrap_or_default()
    }

    fn name(&mut self) -> Option<&'t str> {
        let name = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let begins_well = !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
        (begins_well && !KEPT.contains(&name)).then_some(name)
    }

    /// `node.port`: the node, the port's name, and where both stand.
    fn port(&mut self) -> Option<(Code, &'t str, NameUse)> {
        let start = self.at;
        let node = self.name()?;
        let port = if self.take(".") { self.name()? } else { return None };
        let reference = NameUse { name: node.to_owned(), port: Some(port.to_owned()), span: start..self.at };
        Some((Code::Name(node.into()), port, reference))
    }

    /// A truth value, a whole number without a sign, or a text on one line without escapes.
    fn literal(&mut self) -> Option<Value> {
        match self.left().bytes().next()? {
            quote @ (b'\'' | b'"') => {
                self.at += 1;
                let text = self.take_while(|byte| byte != quote && byte != b'\\' && !byte.is_ascii_control());
                // Two quotes in a row may be the beginning of a text over several lines.
                let ends = self.left().bytes().next() == Some(quote) && !text.is_empty();
                self.at += 1;
                ends.then(|| Value::text(text))
            }
            b'0'..=b'9' => {
                let digits = self.take_while(|byte| byte.is_ascii_digit());
                let plain = digits.len() < 18 && (digits == "0" || !digits.starts_with('0'));
                digits.parse().ok().filter(|_| plain).map(Value::Int)
            }
            _ if self.take("true") => Some(Value::Bool(true)),
            _ if self.take("false") => Some(Value::Bool(false)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse as long;
    use super::*;
    use proptest::prelude::*;

    /// Whether the short way takes a text; if so, the parser must say the same of it.
    fn is_short(text: &str) -> bool {
        let Some(short) = parse(text) else { return false };
        let long = long::parse_any(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let parts = |lowered: &Lowered| format!("{:?} {:?} {}", lowered.code, lowered.references, lowered.locals);
        assert_eq!(parts(&short), parts(&long), "{text}");
        true
    }

    #[test]
    fn short_forms_are_read_and_mean_what_the_parser_says() {
        for text in [
            "a.b",
            " a.b ",
            "!a.b",
            "has(a.b)",
            "! has( a.b )",
            "review.verdict == 'fix'",
            "review.verdict!=\"fix it\"",
            "x.n >= 10",
            "x.n<0",
            "inputs.deep == true",
            "item.x > 12345678901234567",
            "_a.b_2 == 'ünï'",
        ] {
            assert!(is_short(text), "{text} goes the long way");
        }
    }

    #[test]
    fn everything_else_goes_the_long_way() {
        let others = "a|a.b.c|a.b()|has(a)|has(a.b.c)|!a.b == true|a.b == -1|a.b == 1u|a.b == 1.5|a.b == 007|a.b == r'x'|\
                      a.b == '\\n'|a.b == ''|a.b == '''x'''|a.b == c.d|true.b|a.in|a.b == trueish|a.b && c.d|1 == a.b|\
                      a.b == 'x' 'y'||a..b|.a.b|has(a.b|a.b)|a.b == 'x|a.b ==|!!a.b";
        for text in others.split('|') {
            assert!(!is_short(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            front in "!?(has\\( ?)?", node in "[a-z_]{1,3}", port in "(\\.[a-z_0-9]{1,3})?", end in " ?\\)? ?",
            compared in "((==|!=|<|<=|>=|>) ?('[a-z \\\\]{0,3}'|[0-9]{1,4}|true|false|x))?",
        ) {
            is_short(&format!("{front}{node}{port}{end}{compared}"));
        }
    }
}
