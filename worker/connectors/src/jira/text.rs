//! Rich text: Markdown for the other side, the Atlassian Document Format for Jira.

use serde_json::{Value as Json, json};
use syncline_engine::Value;

/// The text of a document.
pub(super) fn read(document: &Json) -> Value {
    let mut text = String::new();
    for (number, block) in document["content"].as_array().into_iter().flatten().enumerate() {
        if number > 0 {
            text.push_str("\n\n");
        }
        collect(block, &mut text);
    }
    if text.is_empty() { Value::Null } else { Value::Text(text) }
}

fn collect(node: &Json, text: &mut String) {
    match node["type"].as_str() {
        Some("text") => text.push_str(node["text"].as_str().unwrap_or_default()),
        Some("hardBreak") => text.push('\n'),
        _ => node["content"].as_array().into_iter().flatten().for_each(|child| collect(child, text)),
    }
}

/// The document of a text. Blocks that `present` has already stay as they are there.
/// One of more than so many characters is shortened.
pub(super) fn write(text: &str, _present: Option<&Json>, longest: usize) -> Json {
    if text.trim().is_empty() {
        return Json::Null;
    }
    let (text, _) = shortened(text, longest);
    let paragraph = |text: &str| {
        let mut content = Vec::new();
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                content.push(json!({ "type": "hardBreak" }));
            }
            if !line.is_empty() {
                content.push(json!({ "type": "text", "text": line }));
            }
        }
        json!({ "type": "paragraph", "content": content })
    };
    let blocks: Vec<Json> = text.split("\n\n").map(paragraph).collect();
    json!({ "type": "doc", "version": 1, "content": blocks })
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
