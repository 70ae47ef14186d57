//! Writes Markdown.
//!
//! A block is written in the way that people write it, and read again. If it does not come back as it was, it is written
//! more carefully.

use super::{
    Dialect, blocks as read_blocks,
    escape::Care,
    html,
    inline::{self, Line},
    loss::{self, Counter},
    lower::lower,
    plain::{self, indented},
    tree::{Align, Block, Inline, Item},
};

/// Writes blocks in a dialect.
pub(super) fn write(blocks: Vec<Block>, dialect: Dialect, lost: &mut Counter) -> String {
    if dialect == Dialect::Plain {
        if blocks.iter().any(|block| !matches!(block, Block::Paragraph(_))) {
            lost.add(loss::MARKUP);
        }
        return plain::write(&blocks);
    }
    write_each(&[lower(blocks, dialect, lost)], dialect, lost).0
}

/// Writes groups of blocks that the dialect can express, one behind the other. Returns the text, and which blocks each group
/// becomes when the text is read; none if they are the same, or if that cannot be told.
pub(super) fn write_each(
    groups: &[Vec<Block>],
    dialect: Dialect,
    lost: &mut Counter,
) -> (String, Option<Vec<Vec<Block>>>) {
    let all: Vec<&Block> = groups.iter().flatten().collect();
    let mut parts: Vec<String> = Vec::with_capacity(all.len());
    for (index, block) in all.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| all.get(before)).copied();
        parts.push(one(
            block,
            Style {
                dialect,
                care: Care::Natural,
                alternate: alternates(before, block, &parts),
                in_list: false,
            },
        ));
    }
    let text = joined(&parts);
    let read = read_blocks(&text, dialect);
    if read.len() == all.len() && read.iter().zip(&all).all(|(read, block)| read == *block) {
        return (text, None);
    }
    // Something does not come back: each block by itself, and more carefully where that is so.
    let mut expected: Vec<Block> = Vec::with_capacity(all.len());
    for (index, block) in all.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| all.get(before)).copied();
        let alternate = alternates(before, block, &parts[..index]);
        let part = spelled(block, dialect, alternate, lost);
        expected.extend(read_blocks(&part, dialect));
        if let Some(place) = parts.get_mut(index) {
            *place = part;
        }
    }
    let text = joined(&parts);
    let counts: Vec<usize> = parts.iter().map(|part| read_blocks(part, dialect).len()).collect();
    let read = read_blocks(&text, dialect);
    let mut shown = None;
    if read == expected {
        let mut rest = read.into_iter();
        let mut count = counts.into_iter();
        let group = |group: &Vec<Block>| {
            let size = count.by_ref().take(group.len()).sum();
            rest.by_ref().take(size).collect()
        };
        shown = Some(groups.iter().map(group).collect());
    }
    (text, shown)
}

/// One block so that it is read again as it is, if that can be done.
pub(super) fn spelled(block: &Block, dialect: Dialect, alternate: bool, lost: &mut Counter) -> String {
    if dialect == Dialect::Plain {
        return plain::write(std::slice::from_ref(block));
    }
    let written = |care: Care| one(block, Style { dialect, care, alternate, in_list: false });
    let returns = |text: &String| matches!(read_blocks(text, dialect).as_slice(), [read] if read == block);
    let part = [Care::Natural, Care::Careful].into_iter().map(written).find(returns);
    part.unwrap_or_else(|| {
        lost.add(loss::SPELLING);
        written(Care::Bare)
    })
}

fn joined(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// How blocks are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) dialect: Dialect,
    pub(super) care: Care,
    /// Write a list with the other kind of marker, since one is before it.
    pub(super) alternate: bool,
    /// In a list, where dashes behind a dash would be a line across.
    pub(super) in_list: bool,
}

/// True if a list follows a list, with which it would be one.
fn alternates(before: Option<&Block>, block: &Block, written: &[String]) -> bool {
    match (before, block) {
        (Some(Block::List { start: a, .. }), Block::List { start: b, .. }) if a.is_some() == b.is_some() => {
            !written.last().is_some_and(|text| marker_is_alternate(text))
        }
        _ => false,
    }
}

pub(super) fn marker_is_alternate(list: &str) -> bool {
    let list = list.trim_start();
    list.starts_with('*') || list.trim_start_matches(|letter: char| letter.is_ascii_digit()).starts_with(')')
}

/// Writes one block.
pub(super) fn one(block: &Block, style: Style) -> String {
    let line = |content: &[Inline], is_single: bool, in_table: bool| {
        inline::write(content, Line { dialect: style.dialect, care: style.care, in_table, is_single })
    };
    match block {
        Block::Paragraph(content) => line(content, false, false),
        Block::Heading { level, content } => {
            let text = heading(line(content, true, false));
            format!("{} {text}", "#".repeat(usize::from(*level))).trim_end().to_owned()
        }
        Block::Quote(blocks) => quoted(&inner(blocks, style)),
        Block::Alert { kind, blocks } => {
            // Other blocks than paragraphs may not begin right behind a line of text.
            let gap = if matches!(blocks.first(), Some(Block::Paragraph(_))) { "" } else { "\n" };
            let name = kind.name().to_ascii_uppercase();
            quoted(format!("[!{name}]\n{gap}{}", inner(blocks, style)).trim_end())
        }
        Block::Details { title, blocks } => {
            let title = if title.is_empty() {
                String::new()
            } else {
                format!("\n<summary>{}</summary>", html::escaped(title))
            };
            let blocks = inner(blocks, style);
            let blocks = if blocks.is_empty() { String::new() } else { format!("{blocks}\n\n") };
            format!("<details>{title}\n\n{blocks}</details>")
        }
        Block::List { start, items, loose } => list(*start, items, loose.0, style),
        Block::Code { language, text } => code(language, text),
        Block::Rule => if style.in_list { "___" } else { "---" }.to_owned(),
        Block::Table { alignments, rows } => table(alignments, rows, |cell| line(cell, true, true)),
        Block::Raw { source, .. } => source.clone(),
    }
}

fn inner(blocks: &[Block], style: Style) -> String {
    let mut parts: Vec<String> = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| blocks.get(before));
        let alternate = alternates(before, block, &parts);
        parts.push(one(block, Style { alternate, ..style }));
    }
    joined(&parts)
}

fn quoted(text: &str) -> String {
    indented(text, "> ", "> ")
}

/// Signs at the end of a heading would be taken for its end.
fn heading(mut text: String) -> String {
    let bare = text.trim_end_matches('#').len();
    if bare < text.len() && (bare == 0 || text[..bare].ends_with([' ', '\t'])) {
        text.insert(bare, '\\');
    }
    text
}

fn code(language: &str, text: &str) -> String {
    let longest = |sign: char| {
        let mut longest = 0;
        let mut run = 0;
        for letter in text.chars() {
            run = if letter == sign { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    };
    let language: String = language.split(['\n', '\r']).next().unwrap_or_default().trim().to_owned();
    let sign = if language.contains('`') { '~' } else { '`' };
    let fence = sign.to_string().repeat((longest(sign) + 1).max(3));
    let language = language.replace('\\', "\\\\").replace('&', "&amp;");
    format!("{fence}{language}\n{text}{}{fence}", if text.is_empty() { "" } else { "\n" })
}

fn list(start: Option<u64>, items: &[Item], loose: bool, style: Style) -> String {
    let written = |(index, item): (usize, &Item)| {
        let marker = match (start, style.alternate) {
            (None, false) => "- ".to_owned(),
            (None, true) => "* ".to_owned(),
            (Some(first), other) => {
                let number = first.saturating_add(index as u64).min(999_999_999);
                format!("{number}{} ", if other { ')' } else { '.' })
            }
        };
        let checked = match item.checked {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        let mut text = checked.to_owned();
        let mut previous: Option<&Block> = None;
        let mut parts: Vec<String> = Vec::new();
        for block in &item.blocks {
            let alternate = alternates(previous, block, &parts);
            let part = one(block, Style { alternate, in_list: true, ..style });
            if let Some(previous) = previous {
                text.push_str(if !loose && joins(previous, block) { "\n" } else { "\n\n" });
            } else if item.checked.is_some() && !matches!(block, Block::Paragraph(_)) {
                // A blank line would end the item.
                text = format!("{}\n", checked.trim_end());
            }
            text.push_str(&part);
            parts.push(part);
            previous = Some(block);
        }
        indented(text.trim_end_matches(' '), &marker, &" ".repeat(marker.len()))
    };
    let items: Vec<String> = items.iter().enumerate().map(written).collect();
    items.join(if loose { "\n\n" } else { "\n" })
}

/// True if a block may follow another without a blank line.
fn joins(before: &Block, block: &Block) -> bool {
    let starts = |block: &Block| match block {
        Block::List { start, items, .. } => {
            let is_empty = items.first().is_none_or(|item| item.blocks.is_empty());
            !is_empty && matches!(start, None | Some(1))
        }
        Block::Code { .. } => true,
        _ => false,
    };
    matches!(before, Block::Paragraph(_)) && starts(block)
}

fn table(alignments: &[Align], rows: &[Vec<Vec<Inline>>], cell: impl Fn(&[Inline]) -> String) -> String {
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|content| cell(content)).collect();
        lines.push(format!("| {} |", cells.join(" | ")));
        if index == 0 {
            let rule = |alignment: &Align| match alignment {
                Align::Left => "---",
                Align::Center => ":-:",
                Align::Right => "--:",
            };
            lines.push(format!("| {} |", alignments.iter().map(rule).collect::<Vec<_>>().join(" | ")));
        }
    }
    lines.join("\n")
}
