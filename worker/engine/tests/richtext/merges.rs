//! Merges of texts.

use rstest::rstest;
use syncline_engine::{
    richtext::{Collision, Dialect, in_place_of, merge},
    side::Pair,
};

const DIALECTS: Pair<Dialect> = Pair { source: Dialect::Markdown, target: Dialect::Markdown };

fn merged(base: &str, source: &str, target: &str) -> Option<String> {
    let both = merge(Pair::new(base, base), Pair::new(source, target), DIALECTS).ok()?;
    assert_eq!(both.source, both.target);
    Some(both.source)
}

#[rstest]
#[case::other_blocks("a\n\nb", "A\n\nb", "a\n\nB", "A\n\nB")]
#[case::same_edit("a\n\nb", "A\n\nb", "A\n\nb", "A\n\nb")]
#[case::added_and_edited("a\n\nb", "a\n\nb\n\nc", "A\n\nb", "A\n\nb\n\nc")]
#[case::removed_and_edited("a\n\nb\n\nc", "a\n\nc", "a\n\nb\n\nC", "a\n\nC")]
#[case::both_added("a", "a\n\nb", "a\n\nc", "a\n\nb\n\nc")]
#[case::both_added_the_same("a", "a\n\nb\n\nc", "a\n\nc", "a\n\nb\n\nc")]
#[case::both_removed("a\n\nb\n\nc", "a\n\nc", "a\n\nc", "a\n\nc")]
#[case::items("- [ ] one\n- [ ] two", "- [x] one\n- [ ] two", "- [ ] one\n- [x] two", "- [x] one\n- [x] two")]
#[case::item_and_box(
    "- [ ] one\n- two",
    "- [x] one\n- two",
    "- [ ] one more\n- two",
    "- [x] one more\n- two"
)]
#[case::in_quotes("> a\n>\n> b", "> A\n>\n> b", "> a\n>\n> B", "> A\n>\n> B")]
#[case::moved("a\n\nb\n\nc", "b\n\nc\n\na", "a\n\nb\n\nC", "b\n\nC\n\na")]
#[case::emptied_and_left("a", "", "a", "")]
fn edits_of_both_sides_are_kept(
    #[case] base: &str,
    #[case] source: &str,
    #[case] target: &str,
    #[case] result: &str,
) {
    assert_eq!(merged(base, source, target).as_deref(), Some(result));
    if !result.ends_with("c") || base != "a" {
        assert_eq!(merged(base, target, source).as_deref(), Some(result), "the other way round");
    }
}

#[rstest]
#[case("a", "b", "c")]
#[case("a\n\nb", "a", "a\n\nB")]
#[case("- [ ] one", "- [x] one", "one")]
#[case("one two three", "one two", "two three")]
#[case("a", "a\n\none two three four", "a\n\none two three five")]
fn the_same_block_edited_twice_collides(#[case] base: &str, #[case] source: &str, #[case] target: &str) {
    assert_eq!(merge(Pair::new(base, base), Pair::new(source, target), DIALECTS), Err(Collision));
}

/// Each side has its own spelling, and keeps it where nothing changed.
#[test]
fn unchanged_blocks_keep_their_bytes() {
    let github = "Title\n=====\n\n\n*   one\n*   two\n\nSome   text,\nwrapped. [a][1]\n\n\n[1]: https://x.y\n\n<!-- note -->\n\nend\n";
    let linear = "# Title\n\n- one\n- two\n\nSome text,\\\nwrapped. [a](https://x.y)\n\nend";
    let now = linear.replace("end", "The end_of_it");
    let dialects = Pair::new(Dialect::GitHub, Dialect::Linear);
    let both = merge(Pair::new(github, linear), Pair::new(github, &now), dialects).unwrap();
    assert_eq!(both.target, now);
    assert_eq!(both.source, github.replace("end", "The end_of_it"));
    let edited = github.replace("*   two", "*   two\n*   three");
    let both = merge(Pair::new(github, linear), Pair::new(&edited, linear), dialects).unwrap();
    assert_eq!(both.source, edited);
    assert_eq!(both.target, linear.replace("- two", "- two\n- three"));
}

#[test]
fn lists_beside_each_other_stay_two() {
    let both = merged("- a\n\ntext", "- a\n\ntext\n\n- b", "- a").unwrap_or_default();
    assert_eq!(both, "- a\n\n* b");
}

#[test]
fn line_ends_of_the_file_are_kept() {
    let both =
        merge(Pair::new("a\r\n\r\nb\r\n", "a\n\nb"), Pair::new("a\r\n\r\nb\r\n", "a\n\n- c\n- d"), DIALECTS)
            .unwrap();
    assert_eq!(both.source, "a\r\n\r\n- c\r\n- d\r\n");
}

#[test]
fn a_text_in_place_of_another_keeps_what_stays() {
    assert_eq!(
        in_place_of("- a\n- b\n\nnew", "*  a\n*  b\n\nold\n", Dialect::Markdown),
        "*  a\n*  b\n\nnew\n"
    );
    assert_eq!(in_place_of("", "a", Dialect::Markdown), "");
    assert_eq!(in_place_of("a", "", Dialect::Markdown), "a");
}
