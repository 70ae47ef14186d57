//! Texts without markup.

use super::{
    parts::printable,
    read::Piece,
    tidy::tidy,
    tree::{Block, Inline},
};

/// Reads a text: blank lines separate paragraphs.
pub(super) fn read(text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut content: Vec<Inline> = Vec::new();
    let (mut start, mut end, mut at) = (0, 0, 0);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare.is_empty() {
            close(&mut pieces, &mut content, start..end);
        } else {
            match content.is_empty() {
                true => start = at,
                false => content.push(Inline::Break),
            }
            content.push(Inline::text(printable(bare)));
            end = at + bare.len();
        }
        at += line.len();
    }
    close(&mut pieces, &mut content, start..end);
    pieces
}

fn close(pieces: &mut Vec<Piece>, content: &mut Vec<Inline>, range: std::ops::Range<usize>) {
    let content = tidy(std::mem::take(content));
    if !content.is_empty() {
        pieces.push(Piece { block: Block::Paragraph(content), range });
    }
}

/// Writes blocks without markup.
pub(super) fn write(blocks: &[Block]) -> String {
    let parts: Vec<String> = blocks.iter().map(block).filter(|text| !text.is_empty()).collect();
    parts.join("\n\n")
}

fn block(of: &Block) -> String {
    match of {
        Block::Paragraph(content) | Block::Heading { content, .. } => line(content),
        Block::Quote(blocks) => indented(&write(blocks), "> ", "> "),
        Block::Alert { kind, blocks } => format!("{}: {}", kind.name(), write(blocks)),
        Block::Details { title, blocks } => format!("{title}\n\n{}", write(blocks)).trim().to_owned(),
        Block::List { start, items, .. } => {
            let mut lines = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let marker = match start {
                    Some(first) => format!("{}. ", first.saturating_add(index as u64)),
                    None => "- ".to_owned(),
                };
                let checked = match item.checked {
                    Some(true) => "[x] ",
                    Some(false) => "[ ] ",
                    None => "",
                };
                let text: Vec<String> = item.blocks.iter().map(block).collect();
                let text = format!("{checked}{}", text.join("\n"));
                lines.push(indented(&text, &marker, &" ".repeat(marker.len())));
            }
            lines.join("\n")
        }
        Block::Code { text, .. } => text.clone(),
        Block::Rule => "---".to_owned(),
        Block::Table { rows, .. } => {
            let row = |cells: &Vec<Vec<Inline>>| {
                cells.iter().map(|cell| line(cell).replace('\n', " ")).collect::<Vec<_>>().join(" | ")
            };
            rows.iter().map(row).collect::<Vec<_>>().join("\n")
        }
        Block::Raw { source, .. } => source.clone(),
    }
}

fn line(content: &[Inline]) -> String {
    let mut out = String::new();
    for (index, part) in content.iter().enumerate() {
        match part {
            Inline::Text { text, marks } => {
                out.push_str(text);
                let next = content.get(index + 1);
                let goes_on =
                    matches!(next, Some(Inline::Text { marks: next, .. }) if next.link == marks.link);
                if let Some(link) = marks.link.as_ref().filter(|_| !goes_on)
                    && !out.ends_with(&link.url)
                {
                    out.push_str(&format!(" ({})", link.url));
                }
            }
            Inline::Break => out.push('\n'),
            Inline::Image { url, alt, .. } => out.push_str(format!("{alt} ({url})").trim_start()),
            Inline::Comment(_) => {}
        }
    }
    out
}

pub(super) fn indented(text: &str, first: &str, rest: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let prefix = if index == 0 { first } else { rest };
        out.push_str(if line.is_empty() { prefix.trim_end() } else { prefix });
        out.push_str(line);
    }
    out
}
