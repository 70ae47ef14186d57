//! Rich text: Markdown for the other side, the Atlassian Document Format for Jira.

use serde_json::{
    Value as Json,
    value::{RawValue, to_raw_value},
};
use syncline_engine::{
    Value,
    ports::ConnectorError,
    richtext::{self, Dialect, Limit, Measure, TextForm, adf_to_markdown, markdown_to_adf},
};

use super::fields::LONGEST_TEXT;

/// How a document is spelled, and what a sync shortens it to.
pub(super) const FORM: TextForm = TextForm {
    dialect: Dialect::Jira,
    limit: Some(Limit { longest: LONGEST_TEXT, measure: Measure::Characters }),
};

/// The text of a document.
pub(super) fn read(document: &Json) -> Value {
    let text = adf_to_markdown(document).text;
    if text.is_empty() { Value::Null } else { Value::Text(text) }
}

/// The document of a text as JSON; none if there is no text. Blocks that `present` has already stay as they are there. A
/// text that a sync writes was shortened before, with a link to the whole one.
pub(super) fn write(text: &str, present: Option<&Json>) -> Result<Option<Box<RawValue>>, ConnectorError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let note = || richtext::note(None, Dialect::Jira);
    let cut = richtext::shortened(text, Dialect::Jira, LONGEST_TEXT, Measure::Characters, note);
    let text = cut.as_deref().unwrap_or(text);
    let present = present.filter(|document| document.is_object());
    let (document, losses) = markdown_to_adf(text, present);
    if !losses.is_empty() {
        tracing::debug!(?losses, "a text was written without what Jira cannot show");
    }
    let unwritten =
        |error| ConnectorError::permanent(format!("a text cannot be written as a document: {error}"));
    to_raw_value(&document).map(Some).map_err(unwritten)
}

/// A line of at most so many characters. A character beyond the first 65,536 counts twice, as Jira counts it.
pub(super) fn shortened(line: &str, longest: usize) -> String {
    match Measure::Utf16.of(line) > longest {
        false => line.to_owned(),
        true => format!("{}…", richtext::shorter(line, longest.saturating_sub(1), Measure::Utf16).trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_67_texts_are_cut_on_the_border_of_a_character() {
        for (text, longest, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("a📏b", 4, "a📏b"),
            ("a📏bc", 4, "a📏…"),
            ("a📏b", 3, "a…"),
            ("ab cd", 4, "ab…"),
        ] {
            assert_eq!(shortened(text, longest), expected);
        }
    }
}
