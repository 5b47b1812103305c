//! The guard before the parser: bounds the length, the nesting and the chains of an expression by looking at its
//! characters once, because the parser recurses and must never see a text that could exhaust the stack.

use super::{ExprError, MAX_CHAIN, MAX_LENGTH, MAX_NESTING};

/// What is open at one level of brackets.
#[derive(Default)]
struct Level {
    /// Operators in a row.
    chain: usize,
    /// `?` of conditionals, each of which nests the rest.
    conditionals: usize,
}

/// Refuses texts that are too long or too deep.
pub(super) fn check(text: &str) -> Result<(), ExprError> {
    if text.len() > MAX_LENGTH {
        return Err(ExprError {
            span: 0..text.len(),
            message: format!("the expression is {} bytes long; at most {MAX_LENGTH} are read", text.len()),
            help: Some("let a player compute it".to_owned()),
        });
    }
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let (mut chain_outside, mut conditionals_outside) = (0, 0);
    let mut rest = Characters { bytes: text.as_bytes(), at: 0 };
    while let Some((at, byte)) = rest.next_outside_text() {
        match byte {
            b'(' | b'[' | b'{' => {
                level.chain += 1;
                chain_outside += level.chain;
                conditionals_outside += level.conditionals;
                outer.push(std::mem::take(&mut level));
            }
            b')' | b']' | b'}' => {
                level = outer.pop().unwrap_or_default();
                chain_outside = chain_outside.saturating_sub(level.chain);
                conditionals_outside = conditionals_outside.saturating_sub(level.conditionals);
            }
            b'?' => {
                level.conditionals += 1;
                level.chain = 0;
            }
            // `&&` and `||` are flat in the tree, and a comma or colon begins anew.
            b'&' | b'|' | b':' => level.chain = 0,
            b',' => level = Level::default(),
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' => level.chain += 1,
            // `in` is an operator of letters.
            b'i' if rest.peek(0) == Some(b'n') && !letter(text, at.checked_sub(1)) && !letter(text, Some(at + 2)) => {
                level.chain += 1;
            }
            _ => {}
        }
        if outer.len() + conditionals_outside + level.conditionals > MAX_NESTING {
            return Err(ExprError {
                span: at..at + 1,
                message: format!("the expression nests deeper than {MAX_NESTING} levels"),
                help: Some("split it, or let a player compute it".to_owned()),
            });
        }
        if chain_outside + level.chain > MAX_CHAIN {
            return Err(ExprError {
                span: at..at + 1,
                message: format!("more than {MAX_CHAIN} operators stand in a row"),
                help: Some("split it, or let a player compute it".to_owned()),
            });
        }
    }
    Ok(())
}

fn letter(text: &str, at: Option<usize>) -> bool {
    at.and_then(|at| text.as_bytes().get(at)).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The characters of an expression without its string literals and comments.
struct Characters<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Characters<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn next_outside_text(&mut self) -> Option<(usize, u8)> {
        loop {
            let byte = self.peek(0)?;
            match byte {
                b'\'' | b'"' => self.skip_text(byte),
                b'/' if self.peek(1) == Some(b'/') => {
                    while self.peek(0).is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => {
                    self.at += 1;
                    return Some((self.at - 1, byte));
                }
            }
        }
    }

    /// Goes past a string literal: `'…'`, `"…"`, tripled, raw (`r'…'`: a backslash escapes nothing).
    fn skip_text(&mut self, quote: u8) {
        let before = |back: usize| self.at.checked_sub(back).and_then(|at| self.bytes.get(at)).copied();
        let raw = matches!(before(1), Some(b'r' | b'R'))
            || (matches!(before(1), Some(b'b' | b'B')) && matches!(before(2), Some(b'r' | b'R')));
        let tripled = self.peek(1) == Some(quote) && self.peek(2) == Some(quote);
        self.at += if tripled { 3 } else { 1 };
        while let Some(byte) = self.peek(0) {
            if byte == b'\\' && !raw {
                self.at += 2;
            } else if byte == quote && !tripled {
                self.at += 1;
                return;
            } else if byte == quote && self.peek(1) == Some(quote) && self.peek(2) == Some(quote) {
                self.at += 3;
                return;
            } else if byte == b'\n' && !tripled {
                // The literal is broken here, and the parser says so.
                return;
            } else {
                self.at += 1;
            }
        }
    }
}
