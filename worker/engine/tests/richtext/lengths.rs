//! Texts that are too long.

use proptest::prelude::*;
use syncline_engine::richtext::{Dialect, Measure, same, shortened, shorter};

use crate::trees::markdown;

const NOTE: &str = "_Cut here. [The full text](https://x.y/1)_";

fn note() -> String {
    NOTE.to_owned()
}

#[test]
fn a_text_is_cut_behind_a_block() {
    let text = format!("# Title\n\n- one\n- two\n\n{}\n", "word ".repeat(100));
    let cut = shortened(&text, Dialect::Markdown, 100, Measure::Characters, note).unwrap();
    assert_eq!(cut, format!("# Title\n\n- one\n- two\n\n{NOTE}"));
    assert_eq!(shortened(&text, Dialect::Markdown, 1_000, Measure::Characters, note), None);
}

#[test]
fn a_block_that_is_too_long_is_cut_behind_a_word() {
    let cut = shortened(&"word ".repeat(100), Dialect::Markdown, 60, Measure::Characters, note).unwrap();
    assert_eq!(cut, format!("word word word\n\n{NOTE}"));
    let code = format!("```\n{}\n```", "x\n".repeat(100));
    assert!(shortened(&code, Dialect::Markdown, 60, Measure::Bytes, note).unwrap().starts_with("x x x"));
}

/// Links whose addresses stand in the part that goes keep them.
#[test]
fn links_survive_the_cut() {
    let text = format!("[a][1]\n\n{}\n\n[1]: https://x.y\n", "word ".repeat(100));
    let cut = shortened(&text, Dialect::Markdown, 100, Measure::Characters, note).unwrap();
    assert!(same(&cut, &format!("[a](https://x.y)\n\n{NOTE}"), Dialect::Markdown), "{cut}");
}

/// Case 67.
#[test]
fn a_title_is_cut_between_characters() {
    assert_eq!(shorter("ab📏cd", 3, Measure::Characters), "ab📏");
    assert_eq!(shorter("ab📏cd", 5, Measure::Bytes), "ab");
    assert_eq!(shorter("ab📏cd", 3, Measure::Utf16), "ab");
    assert_eq!(shorter("a👩‍👧b", 3, Measure::Characters), "a");
    assert_eq!(shorter("ae\u{301}", 2, Measure::Characters), "a");
    assert_eq!(shorter("abc", 3, Measure::Characters), "abc");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_cut_fits(text in markdown(), longest in 0_usize..300) {
        for measure in [Measure::Characters, Measure::Bytes, Measure::Utf16] {
            let cut = shortened(&text, Dialect::GitHub, longest, measure, note);
            let is_long = measure.of(&text) > longest;
            prop_assert_eq!(cut.is_some(), is_long);
            prop_assert!(cut.is_none_or(|cut| measure.of(&cut) <= longest));
        }
    }
}
