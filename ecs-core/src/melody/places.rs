//! Places in a text: byte offsets as the lines and columns that people count.

use super::model::Span;

/// A text whose places are asked for.
#[derive(Clone, Copy)]
pub(super) struct Places<'t> {
    text: &'t str,
}

impl<'t> Places<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text }
    }

    /// The nearest place at or before `offset` that is within the text and between two characters.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The text before a place.
    fn before(&self, offset: usize) -> &'t str {
        self.text.get(..self.floor(offset)).unwrap_or_default()
    }

    /// The text from a place on.
    fn after(&self, offset: usize) -> &'t str {
        self.text.get(self.floor(offset)..).unwrap_or_default()
    }

    /// Where the line with this place starts.
    pub fn line_start(&self, offset: usize) -> usize {
        self.before(offset).rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Where the line with this place ends, before its newline.
    pub fn line_end(&self, offset: usize) -> usize {
        let after = self.after(offset);
        self.floor(offset) + after.find('\n').unwrap_or(after.len())
    }

    /// Line and column, both from 1, the column in characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.before(offset);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let in_line = before.get(self.line_start(offset)..).unwrap_or_default();
        // A byte order mark stands in no column.
        (line, in_line.chars().filter(|c| *c != '\u{feff}').count() + 1)
    }

    /// The lines from `above` lines before the span to `below` lines after it: their place in the text.
    pub fn lines_around(&self, span: &Span, above: usize, below: usize) -> Span {
        let mut start = self.line_start(span.start);
        for _ in 0..above {
            start = self.line_start(start.saturating_sub(1));
        }
        let mut end = self.line_end(span.end.max(span.start));
        for _ in 0..below {
            end = self.line_end((end + 1).min(self.text.len()));
        }
        start..end
    }

    /// A piece of the text; empty where the span is no piece of it.
    pub fn slice(&self, span: Span) -> &'t str {
        self.text.get(span).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let places = Places::new("aä\nb\r\n\nlast");
        let at: Vec<_> = (0..=12).map(|offset| places.line_column(offset)).collect();
        assert_eq!(at[0], (1, 1));
        assert_eq!((at[1], at[2], at[3]), ((1, 2), (1, 2), (1, 3)), "inside a character is at its start");
        assert_eq!(at[4], (2, 1));
        assert_eq!((at[7], at[8]), ((3, 1), (4, 1)));
        assert_eq!(places.line_column(usize::MAX), (4, 5));
    }

    #[test]
    fn pieces_are_whole_lines() {
        let text = "one\ntwo\nthree\nfour\nfive";
        let places = Places::new(text);
        let middle = text.find("three").unwrap();
        assert_eq!(places.slice(places.lines_around(&(middle..middle + 2), 1, 1)), "two\nthree\nfour");
        assert_eq!(places.slice(places.lines_around(&(0..1), 5, 0)), "one");
        assert_eq!(places.slice(places.lines_around(&(text.len()..text.len()), 0, 3)), "five");
    }
}
