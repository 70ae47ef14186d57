//! Shortened copies: what a platform holds of a text that is too long for it.
//!
//! A copy has the first blocks of the whole text, and a note that says where the rest is. It never takes the place of the
//! whole text: only the edits of its own blocks go there.

use std::sync::Arc;

use super::{
    Collision, Dialect,
    align::{Step, align},
    blocks as read_blocks,
    loss::Counter,
    lower::lower,
    merge::merge,
    read::{Piece, read},
    tree::{Block, Inline, Link, Marks, Style},
    write::write,
};
use crate::{Side, side::Pair};

/// How a note begins, by which it is known.
const GOES_ON: &str = "(The text goes on";

/// The note at the end of a shortened copy. `page` shows the whole text.
pub fn note(page: Option<&str>, dialect: Dialect) -> String {
    let part = |text: &str, page: Option<&str>| {
        let link = page.map(|page| Arc::new(Link { url: page.to_owned(), title: String::new() }));
        let marks = Marks { link, ..Marks::default() };
        Inline::Text { text: text.to_owned(), marks: marks.with(Style::Emphasis) }
    };
    let line = match page {
        Some(page) => {
            vec![part(&format!("{GOES_ON}: "), None), part("the whole text", Some(page)), part(")", None)]
        }
        None => vec![part(&format!("{GOES_ON} elsewhere. It is too long for this place.)"), None)],
    };
    write(vec![Block::Paragraph(line)], dialect, &mut Counter::default())
}

fn is_note(block: &Block) -> bool {
    let Block::Paragraph(line) = block else { return false };
    matches!(line.first(), Some(Inline::Text { text, .. }) if text.starts_with(GOES_ON))
}

/// True if a text is a shortened copy.
pub fn is_shortened(text: &str, dialect: Dialect) -> bool {
    text.contains(GOES_ON.trim_start_matches('(')) && read_blocks(text, dialect).iter().any(is_note)
}

/// True if two copies have the same, wherever they say that the rest is.
pub fn same_copies(a: &str, b: &str, dialect: Dialect) -> bool {
    let kept = |text: &str| {
        let mut blocks = read_blocks(text, dialect);
        blocks.retain(|block| !is_note(block));
        blocks
    };
    is_shortened(a, dialect) && is_shortened(b, dialect) && kept(a) == kept(b)
}

/// A copy without its note.
fn without_note(text: &str, dialect: Dialect) -> String {
    let mut rest = text.to_owned();
    let is_cut = |piece: &Piece| is_note(&piece.block);
    for piece in read(text, dialect).iter().filter(|piece| is_cut(piece)).rev() {
        if rest.get(piece.range.clone()).is_some() {
            rest.replace_range(piece.range.clone(), "");
        }
    }
    rest
}

/// Merges the edits of both sides into the whole text, of which the other side has a shortened copy. What the copy does not
/// have stays as it is. Fails if the copy was emptied, or edited in a block of which it has only a part.
pub fn merge_into_whole(
    base: Pair<&str>,
    now: Pair<&str>,
    dialects: Pair<Dialect>,
    whole: Side,
) -> Result<String, Collision> {
    let copy = whole.other();
    let dialect = *dialects.get(copy);
    let bare = |text: Pair<&str>| without_note(text.get(copy), dialect);
    let (base_copy, now_copy) = (bare(base), bare(now));
    let before = read_blocks(base.get(whole), *dialects.get(whole));
    let kept = read_blocks(&base_copy, dialect);
    let has = shared(&before, &kept, dialect);
    if has == 0 || now_copy.trim().is_empty() {
        return Err(Collision);
    }
    let rest = rest(&before, has, &read_blocks(now.get(whole), *dialects.get(whole)));
    let (mut base, mut now) = (base, now);
    *base.get_mut(copy) = &base_copy;
    *now.get_mut(copy) = &now_copy;
    let merged = merge(base, now, dialects)?;
    let merged = merged.get(whole);
    match read_blocks(merged, *dialects.get(whole)).ends_with(&rest) {
        true => Ok(merged.clone()),
        false => Err(Collision),
    }
}

/// How many blocks of the whole text the copy has; none if it has only a part of the first one.
fn shared(whole: &[Block], kept: &[Block], dialect: Dialect) -> usize {
    let mut left = kept;
    let mut count = 0;
    for block in whole {
        if left.is_empty() {
            break;
        }
        let lowered = lower(vec![block.clone()], dialect, &mut Counter::default());
        let Some(rest) = left.get(lowered.len()..) else { break };
        // Other blocks may have been edited since, each on its own side.
        if kept.len() == 1 && lowered != kept {
            return 0;
        }
        (left, count) = (rest, count + 1);
    }
    count
}

/// The blocks of the whole text as it is now that the copy does not have. It had the first `has` blocks.
fn rest(before: &[Block], has: usize, now: &[Block]) -> Vec<Block> {
    let steps = align(before, now);
    let behind = |step: &Step| match step {
        Step::Same(i, j) | Step::Changed(i, j) if *i < has => Some(j + 1),
        _ => None,
    };
    let first = steps.iter().filter_map(behind).max().unwrap_or(0);
    now.get(first..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECTS: Pair<Dialect> = Pair { source: Dialect::GitHub, target: Dialect::Linear };

    fn whole() -> String {
        (1..=6).map(|number| format!("Paragraph {number} of the text.\n\n")).collect()
    }

    fn copy(page: Option<&str>) -> String {
        format!("Paragraph 1 of the text.\n\nParagraph 2 of the text.\n\n{}", note(page, Dialect::Linear))
    }

    fn merged(whole_now: &str, copy_now: &str) -> Result<String, Collision> {
        let (whole, copy) = (whole(), copy(Some("https://x.y/1")));
        merge_into_whole(Pair::new(&whole, &copy), Pair::new(whole_now, copy_now), DIALECTS, Side::Source)
    }

    #[test]
    fn a_note_is_known_in_every_dialect() {
        for dialect in [Dialect::Markdown, Dialect::GitHub, Dialect::Jira, Dialect::Linear] {
            for page in [None, Some("https://x.y/1?a=(b)&c=<d>")] {
                let text = format!("a\n\n{}", note(page, dialect));
                assert!(is_shortened(&text, dialect), "{text}");
                assert!(same_copies(&text, &format!("a\n\n{}", note(None, dialect)), dialect));
            }
        }
        assert!(!is_shortened("The text goes on", Dialect::Markdown));
        assert!(!is_shortened("> (The text goes on)", Dialect::Markdown));
        assert!(is_shortened("(The text goes on)", Dialect::Markdown));
    }

    #[test]
    fn case_65_an_edit_of_a_copy_changes_only_its_block() {
        let edited = copy(Some("https://x.y/1")).replace("2 of", "two of");
        assert_eq!(merged(&whole(), &edited).unwrap(), whole().replace("2 of", "two of"));
        let other = whole().replace("5 of", "five of").replace("1 of", "one of");
        assert_eq!(merged(&other, &edited).unwrap(), other.replace("2 of", "two of"));
    }

    #[test]
    fn case_65_without_its_note_a_copy_is_still_one() {
        let (edited, _) = copy(None).split_once("_(").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(merged(&whole(), &edited).unwrap(), whole());
        let added = edited + "An addition.";
        let expected = whole().replace("2 of the text.", "2 of the text.\n\nAn addition.");
        assert_eq!(merged(&whole(), &added).unwrap(), expected);
    }

    #[test]
    fn case_65_a_block_that_was_removed_from_a_copy_goes_from_the_whole_text() {
        let edited = copy(None).replace("Paragraph 1 of the text.\n\n", "");
        assert_eq!(merged(&whole(), &edited).unwrap(), whole().replace("Paragraph 1 of the text.\n\n", ""));
    }

    #[test]
    fn case_65_an_emptied_copy_and_a_part_of_a_block_are_refused() {
        assert_eq!(merged(&whole(), ""), Err(Collision));
        assert_eq!(merged(&whole(), &note(None, Dialect::Linear)), Err(Collision));
        let block = "word ".repeat(50);
        let part = format!("word word\n\n{}", note(None, Dialect::Linear));
        let edited = part.replace("word word", "word sword");
        let one =
            merge_into_whole(Pair::new(&block, &part), Pair::new(&block, &edited), DIALECTS, Side::Source);
        assert_eq!(one, Err(Collision));
    }
}
