//! What a form of text cannot express.

use std::collections::BTreeMap;

use super::Dialect;

/// What was lost in a text, and how often.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    pub what: &'static str,
    pub count: usize,
}

pub(super) const COMMENTS: &str = "comments of HTML are left out";
pub(super) const HTML: &str = "HTML is shown as code";
pub(super) const UNREAD: &str = "what is nested too deeply is shown as code";
pub(super) const IMAGES: &str = "images within a line become links";
pub(super) const IMAGE_LINKS: &str = "images lose the address that they lead to, or their title";
pub(super) const BOLD_CODE: &str = "code loses bold, italics and other styles";
pub(super) const LINKS: &str = "links without an address, or with one that is unsafe, become text";
pub(super) const HEADINGS: &str = "headings in lists and quotes become bold text";
pub(super) const QUOTES: &str = "quotes in quotes, lists and alerts are shown without their bar";
pub(super) const ALERTS: &str = "alerts become quotes with a bold title";
pub(super) const NESTED_ALERTS: &str = "alerts in lists, quotes and alerts become text with a bold title";
pub(super) const DETAILS: &str = "collapsed sections are shown with a bold title";
pub(super) const RULES: &str = "lines across lists and quotes become dashes";
pub(super) const TABLES: &str = "tables in lists, quotes and alerts are shown as code";
pub(super) const UNDERLINE: &str = "underlining is left out";
pub(super) const SCRIPTS: &str = "subscript and superscript become plain text";
pub(super) const LINE_BREAKS: &str = "line breaks in headings and tables become spaces";
pub(super) const MARKUP: &str = "markup is left out or shown as signs";
pub(super) const SPELLING: &str = "styles that cannot be spelled here are left out";
pub(super) const LANGUAGE: &str = "details behind the language of code are left out";

pub(super) const COLOURS: &str = "colours and sizes of text are not shown";
pub(super) const LAYOUT: &str = "alignment, indentation, columns and widths are not shown";
pub(super) const ANNOTATIONS: &str = "comments within the text are not shown";
pub(super) const MENTIONS: &str = "mentions are shown as names";
pub(super) const ISLANDS: &str = "statuses, dates, emoji and cards are shown as text";
pub(super) const FILES: &str = "attached files are shown by name";
pub(super) const MACROS: &str = "macros are shown by name";
pub(super) const CELLS: &str = "lists and other blocks in table cells become lines";
pub(super) const SPANS: &str = "merged cells are shown as single ones";
pub(super) const HEADERS: &str = "header cells beside the first row are shown as others";
pub(super) const PANELS: &str = "panels lose their own icon and colour";
pub(super) const DECISIONS: &str = "decisions are shown as a list";
pub(super) const EMPTY: &str = "empty paragraphs are not shown";

/// What cannot be kept when a text goes from one dialect to another. Beside it, what Jira shows as text
/// ([`shown_by_jira`]) arrives as text everywhere.
pub fn losses(from: Dialect, to: Dialect) -> Vec<&'static str> {
    let has_html = from.has_html();
    match (from, to) {
        (from, to) if from == to => Vec::new(),
        (Dialect::Plain, _) | (_, Dialect::Markdown | Dialect::GitHub) => Vec::new(),
        (_, Dialect::Plain) => vec![MARKUP],
        (_, Dialect::Linear) if has_html => {
            let mut all = vec![ALERTS, DETAILS, UNDERLINE, SCRIPTS, LINE_BREAKS, SPELLING];
            if from != Dialect::Jira {
                all.extend([HTML, COMMENTS]);
            }
            all
        }
        (_, Dialect::Linear) => Vec::new(),
        (_, Dialect::Jira) => {
            let mut all = vec![
                IMAGES,
                IMAGE_LINKS,
                BOLD_CODE,
                LINKS,
                HEADINGS,
                QUOTES,
                RULES,
                TABLES,
                UNREAD,
                LANGUAGE,
                SPELLING,
            ];
            if has_html {
                all.extend([HTML, COMMENTS, NESTED_ALERTS, DETAILS, SCRIPTS]);
            }
            all
        }
    }
}

/// What a document of Jira shows as text, or not at all. It stays in Jira as it is, until its own block is changed.
pub fn shown_by_jira() -> [&'static str; 13] {
    [
        MENTIONS,
        ISLANDS,
        FILES,
        MACROS,
        COLOURS,
        LAYOUT,
        ANNOTATIONS,
        CELLS,
        SPANS,
        HEADERS,
        PANELS,
        DECISIONS,
        EMPTY,
    ]
}

/// Counts losses.
#[derive(Debug, Default)]
pub(super) struct Counter(BTreeMap<&'static str, usize>);

impl Counter {
    pub(super) fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn losses(self) -> Vec<Loss> {
        self.0.into_iter().map(|(what, count)| Loss { what, count }).collect()
    }
}
