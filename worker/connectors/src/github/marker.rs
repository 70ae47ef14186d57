//! The hidden marker: an HTML comment at the end of a body, which GitHub does not show.
//!
//! It identifies the issue that a create made, also after the answer was lost. Readers of the `body` field do not see it,
//! and what they write does not touch it.
//!
//! The text beside a marker came from elsewhere, so it is kept from notifying people; see [`quiet`].

use syncline_engine::richtext::{Dialect, Limit, Measure, TextForm};

use super::quiet;

/// The longest body that GitHub accepts, in characters.
const LONGEST: usize = 65_536;

/// The longest text that a body may have beside its marker, in characters.
pub(super) const LONGEST_TEXT: usize = LONGEST - 100;

/// What a sync shortens a body to. The rest is room for what keeps a copy from notifying people.
pub(super) const FORM: TextForm = TextForm {
    dialect: Dialect::GitHub,
    limit: Some(Limit { longest: LONGEST_TEXT - 2_000, measure: Measure::Characters }),
};

const BEFORE: &str = "<!-- syncline:";
const AFTER: &str = " -->";

/// A body as GitHub stores it, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    /// What people wrote, with line ends `\n`.
    pub(super) text: String,
    pub(super) marker: Option<String>,
}

impl Body {
    /// Takes a stored body apart.
    pub(super) fn read(stored: &str) -> Body {
        let mut text = unified(stored);
        let mut marker = None;
        // People copy bodies with their comments: each of them is taken out, and the last one counts.
        while let Some((start, end, found)) = find(&text) {
            marker = marker.or(Some(found));
            let (before, after) = (&text[..start], text[end..].to_owned());
            text = match before {
                "" => after.trim_start_matches('\n').to_owned(),
                // The blank line before the comment was added with it.
                before if after.is_empty() || after.starts_with('\n') => {
                    format!("{}{after}", before.strip_suffix("\n\n").unwrap_or(before))
                }
                before => format!("{before}{after}"),
            };
        }
        if marker.is_some() {
            text = quiet::restored(&text);
        }
        Body { text, marker }
    }

    /// The body to store.
    pub(super) fn write(&self) -> String {
        match &self.marker {
            None => self.text.clone(),
            Some(marker) if self.text.is_empty() => format!("{BEFORE}{marker}{AFTER}"),
            Some(marker) => format!("{}\n\n{BEFORE}{marker}{AFTER}", quiet::quieted(&self.text)),
        }
    }
}

/// The last marker in a text: where its comment begins and ends, and what it says.
fn find(text: &str) -> Option<(usize, usize, String)> {
    text.rmatch_indices(BEFORE).find_map(|(start, _)| {
        let rest = &text[start + BEFORE.len()..];
        let length = rest.find(AFTER)?;
        let marker = &rest[..length];
        let end = start + BEFORE.len() + length + AFTER.len();
        is_marker(marker).then(|| (start, end, marker.to_owned()))
    })
}

fn is_marker(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// True if this text can be a marker. Others could end the comment early.
pub(super) fn is_usable(text: &str) -> bool {
    is_marker(text)
}

/// A text with line ends `\n`. Browsers send `\r\n`, and GitHub stores what it gets.
pub(super) fn unified(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const MARKER: &str = "sl-abcdefghijklmnopqrstuvwxyz";

    fn body(text: &str, marker: Option<&str>) -> Body {
        Body { text: text.to_owned(), marker: marker.map(str::to_owned) }
    }

    #[test]
    fn the_marker_is_a_comment_at_the_end() {
        let stored = body("Steps:\n\n1. Open", Some("sl-a")).write();
        assert_eq!(stored, "Steps:\n\n1. Open\n\n<!-- syncline:sl-a -->");
        assert_eq!(body("", Some("sl-a")).write(), "<!-- syncline:sl-a -->");
        assert_eq!(body("as it is ", None).write(), "as it is ");
    }

    #[rstest]
    #[case("text\r\n\r\n<!-- syncline:sl-a -->", "text", Some("sl-a"))]
    #[case("<!-- syncline:sl-a -->", "", Some("sl-a"))]
    #[case(
        "text\n\n<!-- syncline:sl-a -->\n\nadded by a person below",
        "text\n\nadded by a person below",
        Some("sl-a")
    )]
    #[case("<!-- syncline:sl-a -->\n\nadded below", "added below", Some("sl-a"))]
    #[case("copied <!-- syncline:sl-old -->\n\n<!-- syncline:sl-a -->", "copied ", Some("sl-a"))]
    #[case("no marker: <!-- syncline: -->", "no marker: <!-- syncline: -->", None)]
    #[case("cut <!-- syncline:sl-a", "cut <!-- syncline:sl-a", None)]
    #[case("<!-- syncline:sl a b -->", "<!-- syncline:sl a b -->", None)]
    #[case("line\r\nend\r", "line\nend\n", None)]
    fn bodies_are_taken_apart(#[case] stored: &str, #[case] text: &str, #[case] marker: Option<&str>) {
        assert_eq!(Body::read(stored), body(text, marker));
    }

    /// A text without a marker is stored as given. A copy is stored with breaks, which reading removes.
    #[test]
    fn a_copy_notifies_nobody() {
        let copy = body("@ada: see #12", Some("sl-a"));
        assert_eq!(copy.write(), "@\u{200b}ada: see #\u{200b}12\n\n<!-- syncline:sl-a -->");
        assert_eq!(Body::read(&copy.write()), copy);
        assert_eq!(body("@ada", None).write(), "@ada");
        assert_eq!(Body::read("@\u{200b}ada").text, "@\u{200b}ada");
        // Written before copies were kept quiet, or by a person into a copy.
        assert_eq!(Body::read("@ada\n\n<!-- syncline:sl-a -->").text, "@ada");
    }

    #[test]
    fn the_longest_text_leaves_room() {
        let stored = body(&"ä".repeat(LONGEST_TEXT), Some(MARKER)).write();
        assert!(stored.chars().count() <= LONGEST);
    }

    proptest! {
        /// What is written is read, and a marker is never doubled.
        #[test]
        fn round_trip(text in "[a-z<!\\-> \r\n]{0,40}", marked: bool) {
            let text = unified(&text);
            let written = body(&text, marked.then_some(MARKER)).write();
            let read = Body::read(&written);
            prop_assert_eq!(read.marker.as_deref(), marked.then_some(MARKER));
            prop_assert_eq!(&read.text, &text);
            let again = Body { marker: read.marker.clone(), text: read.text.clone() };
            prop_assert_eq!(again.write().matches(BEFORE).count(), usize::from(marked));
        }
    }
}
