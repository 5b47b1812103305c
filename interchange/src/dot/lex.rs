//! The words of the DOT language.

use crate::report::Refusal;

/// A word and the byte at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub at: usize,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a number, a quoted text or an HTML text. Only a plain one may be a keyword.
    Id { text: String, quoted: bool, html: bool },
    /// `->`
    Arrow,
    /// `--`
    Line,
    /// One of `{ } [ ] ; , : = +`
    Sign(char),
}

/// Cuts a text into words.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

type Read<T> = Result<T, Refusal>;

impl<'t> Lexer<'t> {
    pub fn new(text: &'t str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn refuse<T>(&self, at: usize, message: &str, help: &str) -> Read<T> {
        Err(Refusal::new(message, help).at(self.text, at))
    }

    /// White space, comments, and lines of the preprocessor.
    fn skip(&mut self) -> Read<()> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            let line_begins =
                self.text.get(..self.at).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
            if trimmed.starts_with("//") || line_begins && trimmed.starts_with('#') {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                match trimmed.find("*/") {
                    Some(end) => self.at += end + 2,
                    None => return self.refuse(self.at, "a comment is not closed", "write `*/` at its end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    /// The next word, or nothing at the end.
    pub fn next(&mut self) -> Read<Option<Token>> {
        self.skip()?;
        let at = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let id = |text: &str| Kind::Id { text: text.to_owned(), quoted: false, html: false };
        let kind = match first {
            '{' | '}' | '[' | ']' | ';' | ',' | ':' | '=' | '+' => {
                self.at += 1;
                Kind::Sign(first)
            }
            '-' if rest.starts_with("->") => {
                self.at += 2;
                Kind::Arrow
            }
            '-' if rest.starts_with("--") => {
                self.at += 2;
                Kind::Line
            }
            '"' => Kind::Id { text: self.quoted()?, quoted: true, html: false },
            '<' => Kind::Id { text: self.html()?, quoted: true, html: true },
            '-' | '.' | '0'..='9' => {
                let number = rest.strip_prefix('-').unwrap_or(rest);
                let mut points = 0;
                let end = number.find(|c: char| {
                    points += usize::from(c == '.');
                    !(c.is_ascii_digit() || c == '.' && points == 1)
                });
                let digits = number.get(..end.unwrap_or(number.len())).unwrap_or_default();
                if !digits.contains(|c: char| c.is_ascii_digit()) {
                    let help = "names are letters, digits and `_`; anything else stands in double quotes";
                    return self.refuse(at, "this is neither a name nor a number", help);
                }
                self.at += rest.len() - number.len() + digits.len();
                id(self.text.get(at..self.at).unwrap_or_default())
            }
            c if is_letter(c) => {
                let end = rest.find(|c: char| !(is_letter(c) || c.is_ascii_digit())).unwrap_or(rest.len());
                self.at += end;
                id(rest.get(..end).unwrap_or_default())
            }
            c => {
                let help = "names are letters, digits and `_`; anything else stands in double quotes";
                return self.refuse(at, &format!("`{c}` means nothing here"), help);
            }
        };
        Ok(Some(Token { kind, at }))
    }

    fn quoted(&mut self) -> Read<String> {
        let open = self.at;
        let body = self.text.get(open + 1..).unwrap_or_default();
        let mut text = String::new();
        let mut chars = body.char_indices();
        while let Some((place, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = open + 1 + place + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, '"')) => text.push('"'),
                    // A backslash at the end of a line joins it with the next.
                    Some((_, '\n')) => {}
                    Some((_, '\r')) => {
                        if body.get(place + 2..).is_some_and(|rest| rest.starts_with('\n')) {
                            chars.next();
                        }
                    }
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        self.refuse(open, "a text is not closed", "write the closing quote")
    }

    fn html(&mut self) -> Read<String> {
        let open = self.at;
        let body = self.rest();
        let mut depth = 0usize;
        for (place, c) in body.char_indices() {
            match c {
                '<' => depth += 1,
                '>' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at = open + place + 1;
                return Ok(body.get(1..place).unwrap_or_default().to_owned());
            }
        }
        self.refuse(open, "an HTML text is not closed", "every `<` needs its `>`; write `&lt;` for the sign itself")
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii() && !c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut lexer = Lexer::new(text);
        let mut words = Vec::new();
        while let Some(token) = lexer.next().unwrap() {
            words.push(match token.kind {
                Kind::Id { text, .. } => text,
                Kind::Arrow => "->".to_owned(),
                Kind::Line => "--".to_owned(),
                Kind::Sign(sign) => sign.to_string(),
            });
        }
        words
    }

    #[test]
    fn words_are_cut() {
        assert_eq!(
            words("# line\na1->_b--ä; // rest\n/* * */ -.5 1.2.3 \"x\\\"y\\\nz\\n\" <a<b>c> [k=v,]"),
            ["a1", "->", "_b", "--", "ä", ";", "-.5", "1.2", ".3", "x\"yz\\n", "a<b>c", "[", "k", "=", "v", ",", "]"]
        );
    }

    #[test]
    fn what_is_not_closed_has_its_line() {
        let fault = |text: &str| {
            let mut lexer = Lexer::new(text);
            loop {
                match lexer.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text} was read"),
                    Err(refusal) => return refusal.to_string(),
                }
            }
        };
        assert_eq!(fault("a\n\"b"), "line 2, column 1: a text is not closed");
        assert_eq!(fault("a /* b"), "line 1, column 3: a comment is not closed");
        assert_eq!(fault("<a<b>"), "line 1, column 1: an HTML text is not closed");
        assert_eq!(fault("a - b"), "line 1, column 3: this is neither a name nor a number");
        assert_eq!(fault("a | b"), "line 1, column 3: `|` means nothing here");
    }
}
