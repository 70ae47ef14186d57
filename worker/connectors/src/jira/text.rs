//! Rich text: Markdown for the other side, the Atlassian Document Format for Jira.

use serde_json::Value as Json;
use syncline_engine::{
    Value,
    richtext::{adf_to_markdown, markdown_to_adf},
};

/// The text of a document.
pub(super) fn read(document: &Json) -> Value {
    let text = adf_to_markdown(document).text;
    if text.is_empty() { Value::Null } else { Value::Text(text) }
}

/// The document of a text; null if there is none. Blocks that `present` has already stay as they are there. A text of more
/// than so many characters is shortened.
pub(super) fn write(text: &str, present: Option<&Json>, longest: usize) -> Json {
    if text.trim().is_empty() {
        return Json::Null;
    }
    let (text, _) = shortened(text, longest);
    let present = present.filter(|document| document.is_object());
    let (document, losses) = markdown_to_adf(&text, present);
    if !losses.is_empty() {
        tracing::debug!(?losses, "a text was written without what Jira cannot show");
    }
    document
}

/// A text of at most so many characters, and true if it was cut. A character beyond the first 65,536 counts twice, as Jira
/// counts it in summaries.
pub(super) fn shortened(text: &str, longest: usize) -> (String, bool) {
    const END: char = '…';
    let mut length = 0;
    let mut end = 0;
    for (at, letter) in text.char_indices() {
        length += letter.len_utf16();
        if length < longest {
            end = at + letter.len_utf8();
        }
        if length > longest {
            return (format!("{}{END}", text[..end].trim_end()), true);
        }
    }
    (text.to_owned(), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_67_texts_are_cut_on_the_border_of_a_character() {
        let cut = |text: &str, longest| shortened(text, longest).0;
        assert_eq!(shortened("abc", 3), ("abc".to_owned(), false));
        assert_eq!(shortened("abcd", 3), ("ab…".to_owned(), true));
        assert_eq!(cut("a📏b", 4), "a📏b");
        assert_eq!((cut("a📏bc", 4).as_str(), cut("a📏b", 3).as_str()), ("a📏…", "a…"));
        assert_eq!(cut("ab cd", 4), "ab…");
    }
}
