//! Renders blocks.

use super::{
    block::{Block, List},
    inline::Inline,
};

/// Returns the lines of blocks, separated by blank lines.
pub(super) fn lines(blocks: &[Block], inline: &Inline<'_>) -> Vec<String> {
    joined(blocks, inline, true)
}

fn joined(blocks: &[Block], inline: &Inline<'_>, apart: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        // Only a list may follow its paragraph directly.
        if at > 0 && (apart || !matches!(block, Block::List(_))) {
            lines.push(String::new());
        }
        lines.extend(one(block, inline));
    }
    lines
}

fn one(block: &Block, inline: &Inline<'_>) -> Vec<String> {
    match block {
        Block::Paragraph(text) => inline.rewrite(&text.join("\n")).split('\n').map(str::to_owned).collect(),
        Block::Heading(level, text) => {
            vec![format!("{} {}", "#".repeat(*level), inline.rewrite(text)).trim_end().to_owned()]
        }
        Block::Code { info, lines } => {
            let longest = lines.iter().map(|line| ticks(line)).max().unwrap_or(0);
            let fence = "`".repeat(3.max(longest + 1));
            let info = info.replace('`', "");
            let mut shown = vec![format!("{fence}{}", info.trim())];
            shown.extend(lines.iter().cloned());
            shown.push(fence);
            shown
        }
        Block::Quote(blocks) => {
            let inner = lines(blocks, inline);
            let inner = if inner.is_empty() { vec![String::new()] } else { inner };
            inner
                .into_iter()
                .map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") })
                .collect()
        }
        Block::List(list) => of_list(list, inline),
        Block::Table(table) => {
            let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
            let cells = |row: &Vec<String>| row.iter().map(|cell| inline.rewrite(cell)).collect();
            let mut shown: Vec<String> = table.rows.iter().map(cells).map(row).collect();
            shown.insert(1, row(table.marks.iter().map(|mark| (*mark).to_owned()).collect()));
            shown
        }
        Block::Html(lines) => lines.clone(),
        Block::Rule => vec!["---".to_owned()],
    }
}

/// Returns the length of a fence that a line could be mistaken for.
fn ticks(line: &str) -> usize {
    let text = line.trim_start();
    text.len() - text.trim_start_matches('`').len()
}

fn of_list(list: &List, inline: &Inline<'_>) -> Vec<String> {
    let mut shown = Vec::new();
    let tasks = list.items.iter().any(|item| item.done.is_some());
    for (at, item) in list.items.iter().enumerate() {
        if at > 0 && list.loose {
            shown.push(String::new());
        }
        let marker = match list.start {
            Some(start) => format!("{}. ", start.saturating_add(at as u64).min(999_999_999)),
            None if tasks => "- ".to_owned(),
            None => "* ".to_owned(),
        };
        let task = match item.done {
            Some(true) => "[x] ",
            Some(false) => "[ ] ",
            None => "",
        };
        let inner = joined(&item.blocks, inline, list.loose);
        let space = " ".repeat(marker.len());
        let first = inner.first().map_or("", String::as_str);
        shown.push(format!("{marker}{task}{first}").trim_end().to_owned());
        let behind = inner.iter().skip(1);
        shown.extend(
            behind.map(|line| if line.is_empty() { String::new() } else { format!("{space}{line}") }),
        );
    }
    shown
}
