//! Small steps of reading Markdown.

use std::ops::Range;

use pulldown_cmark::{Alignment, BlockQuoteKind, HeadingLevel, TagEnd};

use super::{
    tidy::tidy,
    tree::{Alert, Align, Block, Inline, Item},
};

pub(super) fn is_block(tag: &TagEnd) -> bool {
    !matches!(
        tag,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::Superscript
            | TagEnd::Subscript
    )
}

pub(super) fn level_of(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

pub(super) fn alert(kind: BlockQuoteKind) -> Alert {
    match kind {
        BlockQuoteKind::Note => Alert::Note,
        BlockQuoteKind::Tip => Alert::Tip,
        BlockQuoteKind::Important => Alert::Important,
        BlockQuoteKind::Warning => Alert::Warning,
        BlockQuoteKind::Caution => Alert::Caution,
    }
}

pub(super) fn align(alignment: &Alignment) -> Align {
    match alignment {
        Alignment::None | Alignment::Left => Align::Left,
        Alignment::Center => Align::Center,
        Alignment::Right => Align::Right,
    }
}

/// An item. A box without a text is no task to the parser, but it is one to a reader.
pub(super) fn item(checked: Option<bool>, mut blocks: Vec<Block>) -> Item {
    let boxed = match blocks.first() {
        Some(Block::Paragraph(content)) if checked.is_none() => match content.as_slice() {
            [Inline::Text { text, marks }] if marks.is_plain() => match text.as_str() {
                "[ ]" => Some(false),
                "[x]" | "[X]" => Some(true),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    if boxed.is_some() {
        blocks.remove(0);
    }
    Item { checked: checked.or(boxed), blocks }
}

pub(super) fn table(mut alignments: Vec<Align>, mut rows: Vec<Vec<Vec<Inline>>>) -> Block {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    rows.iter_mut().for_each(|row| row.resize(columns, Vec::new()));
    alignments.resize(columns, Align::Left);
    Block::Table { alignments, rows }
}

pub(super) fn cells_of(rows: &[Vec<Vec<Inline>>]) -> usize {
    rows.iter().map(Vec::len).max().unwrap_or(0).saturating_mul(rows.len())
}

/// A footnote reads as a paragraph that begins with its sign.
pub(super) fn note(label: &str, blocks: Vec<Block>) -> Option<Block> {
    match blocks.as_slice() {
        [Block::Paragraph(content)] => {
            let mut whole = vec![Inline::text(format!("[^{label}]: "))];
            whole.extend(content.iter().cloned());
            Some(Block::Paragraph(tidy(whole)))
        }
        _ => None,
    }
}

pub(super) fn without_end(text: &str) -> String {
    if text.contains('\r') {
        let text = text.replace("\r\n", "\n");
        return printable(text.strip_suffix('\n').unwrap_or(&text));
    }
    printable(text.strip_suffix('\n').unwrap_or(text))
}

/// A text without control characters, which show nothing and which some platforms refuse.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_printable(&mut out, text);
    out
}

pub(super) fn push_printable(out: &mut String, text: &str) {
    let is_plain = |byte: u8| (b' '..0x7f).contains(&byte) || matches!(byte, b'\t' | b'\n');
    if text.bytes().all(is_plain) {
        return out.push_str(text);
    }
    out.extend(text.chars().filter(|sign| !sign.is_control() || matches!(sign, '\t' | '\n')));
}

pub(super) fn one_line(text: &str) -> String {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A range from the beginning of its line, without blank lines at its end.
pub(super) fn whole_lines(source: &str, range: Range<usize>) -> Range<usize> {
    let (before, inside) =
        (source.get(..range.start).unwrap_or_default(), source.get(range).unwrap_or_default());
    let start = before.trim_end_matches([' ', '\t']).len();
    let start =
        if before[..start].is_empty() || before[..start].ends_with('\n') { start } else { before.len() };
    start..before.len() + inside.trim_end_matches(['\n', '\r', ' ', '\t']).len()
}
