//! An extractive summary: what a stand-in answers when nobody wrote it a script.

/// List items that a summary keeps.
const MAX_ITEMS: usize = 12;
/// Sentences that a summary keeps when there are no lists.
const MAX_SENTENCES: usize = 5;
/// Characters of a kept sentence.
const MAX_SENTENCE: usize = 240;

/// The list items of a text; for lack of them the first sentence of each paragraph. Headings are left out.
pub(super) fn of(text: &str) -> String {
    let items: Vec<String> = text.lines().filter_map(item).take(MAX_ITEMS).map(|item| format!("- {item}")).collect();
    if !items.is_empty() {
        return items.join("\n");
    }
    let sentences: Vec<String> = paragraphs(text).iter().map(|text| first_sentence(text)).take(MAX_SENTENCES).collect();
    if sentences.is_empty() { "There is nothing to say.".to_owned() } else { sentences.join(" ") }
}

/// What a list item says.
fn item(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let body = ["- ", "* ", "+ ", "• "].iter().find_map(|mark| line.strip_prefix(mark)).or_else(|| numbered(line))?;
    let body = body.trim();
    (!body.is_empty()).then_some(body)
}

/// The body of `1. body` or `1) body`.
fn numbered(line: &str) -> Option<&str> {
    let body = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = line.len() - body.len();
    (1..=3).contains(&digits).then(|| body.strip_prefix(". ").or_else(|| body.strip_prefix(") "))).flatten()
}

/// Paragraphs on one line each, without headings and code fences.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', '`', '|', '=']) {
            paragraphs.push(String::new());
        } else if let Some(last) = paragraphs.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// The text up to the first full stop that ends a sentence.
fn first_sentence(text: &str) -> String {
    let ends = text.match_indices(['.', '!', '?']).map(|(at, mark)| at + mark.len());
    let end =
        ends.into_iter().find(|end| text.get(*end..).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
    let sentence = end.and_then(|end| text.get(..end)).unwrap_or(text);
    crate::builtin::shorten(sentence, MAX_SENTENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_kept() {
        assert_eq!(of("# Changes\n\nSome words.\n- Add a\n  * Fix b\n2. Third\n-not\n"), "- Add a\n- Fix b\n- Third");
    }

    #[test]
    fn without_items_each_paragraph_says_one_sentence() {
        let text = "# Title\nThe bus is v1.2 now. More words.\n\nIt holds!\nYes.\n\n```\ncode";
        assert_eq!(of(text), "The bus is v1.2 now. It holds! code");
        assert_eq!(of(" \n"), "There is nothing to say.");
    }
}
