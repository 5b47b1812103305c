//! Graphs of Graphviz: the DOT language, read into nodes and edges, and from there into a melody.

mod import;
mod lex;
mod read;

pub(crate) use import::import;

/// The text of a DOT file: UTF-8, else Latin-1, which such files may say with `charset=latin1`. Returns whether it had
/// to be taken for Latin-1.
pub(crate) fn decode(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (bytes.iter().copied().map(char::from).collect(), true),
    }
}

/// Whether a text begins as a graph does.
pub(crate) fn is_dot(text: &str) -> bool {
    let mut lexer = lex::Lexer::new(text);
    let mut word = || match lexer.next() {
        Ok(Some(lex::Token { kind: lex::Kind::Id { text, quoted: false, .. }, .. })) => text.to_ascii_lowercase(),
        _ => String::new(),
    };
    match word().as_str() {
        "strict" => matches!(word().as_str(), "graph" | "digraph"),
        first => matches!(first, "graph" | "digraph"),
    }
}
