//! The report of losses, and what the documentation says of it.

use proptest::prelude::*;
use syncline_engine::richtext::{Dialect, Loss, adf_to_markdown, convert, losses, shown_by_jira};

use crate::{markdown_to_adf, trees::markdown};

const DIALECTS: [Dialect; 5] =
    [Dialect::Markdown, Dialect::GitHub, Dialect::Jira, Dialect::Linear, Dialect::Plain];

#[test]
fn the_page_about_texts_names_every_loss() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/texts.md")).unwrap();
    let (_, lists) = page.split_once("To Jira:").unwrap();
    let (jira, rest) = lists.split_once("To Linear:").unwrap();
    let (linear, shown) = rest.split_once("What Jira shows").unwrap();
    let lines = |list: &str| {
        let mut lines: Vec<String> =
            list.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let sorted = |mut all: Vec<&'static str>| {
        all.sort_unstable();
        all
    };
    assert_eq!(lines(jira), sorted(losses(Dialect::GitHub, Dialect::Jira)));
    assert_eq!(lines(linear), sorted(losses(Dialect::GitHub, Dialect::Linear)));
    assert_eq!(lines(shown), sorted(shown_by_jira().to_vec()));
}

#[test]
fn a_text_that_stays_in_its_dialect_loses_nothing() {
    for dialect in DIALECTS {
        assert!(losses(dialect, dialect).is_empty());
    }
}

fn unnamed(found: &[Loss], named: &[&str]) -> Vec<&'static str> {
    found.iter().map(|loss| loss.what).filter(|what| !named.contains(what)).collect()
}

/// What is left of the lists would be read as a line across.
#[test]
fn lists_of_nothing_but_a_comment_lose_what_is_named() {
    let found = convert("- - - <!-- comment -->\n", Dialect::Markdown, Dialect::Jira).losses;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(unnamed(&found, &losses(Dialect::Markdown, Dialect::Jira)).is_empty(), "{found:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is counted for a text is named for its pair of dialects.
    #[test]
    fn every_loss_is_named(text in markdown()) {
        for from in DIALECTS {
            let text = convert(&text, Dialect::GitHub, from).text;
            for to in DIALECTS {
                let found = convert(&text, from, to).losses;
                prop_assert!(unnamed(&found, &losses(from, to)).is_empty(), "{from:?} {to:?} {found:?}\n{text}");
            }
        }
        let (document, found) = markdown_to_adf(&text, None);
        prop_assert!(unnamed(&found, &losses(Dialect::Markdown, Dialect::Jira)).is_empty(), "{found:?}");
        let found = adf_to_markdown(&document).losses;
        prop_assert!(unnamed(&found, &shown_by_jira()).is_empty(), "{found:?}\n{document}");
    }
}
