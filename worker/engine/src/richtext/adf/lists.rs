//! The items of lists.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{
    lines,
    node::{kind, parts},
    read,
};
use crate::richtext::{
    loss::Counter,
    parts::item as read_item,
    tree::{Block, Inline, Item},
};

/// The nodes of each item: one, and for a task also the tasks below it.
pub(super) fn groups(nodes: &[Json]) -> impl Iterator<Item = &[Json]> {
    nodes.chunk_by(|_, next| kind(next) == "taskList")
}

pub(super) fn item(nodes: &[Json], depth: usize, lost: &mut Counter) -> Item {
    let Some((first, below)) = nodes.split_first() else { return Item::default() };
    let of = parts(first);
    let mut blocks = match of.kind {
        "taskItem" | "decisionItem" => match lines::read(of.content, lost) {
            line if line.is_empty() => Vec::new(),
            line => vec![Block::Paragraph(line)],
        },
        "taskList" => read::blocks(first, depth, lost),
        _ => read::all(of.content, depth, lost),
    };
    for node in below {
        let more = read::blocks(node, depth, lost);
        // Two lists of tasks below one task are one.
        match (blocks.last_mut(), more.as_slice()) {
            (
                Some(Block::List { start: None, items, .. }),
                [Block::List { start: None, items: more, .. }],
            ) => {
                items.extend(more.iter().cloned());
            }
            _ => blocks.extend(more),
        }
    }
    if matches!(of.kind, "taskItem" | "blockTaskItem") {
        return Item { checked: Some(of.stated("state") == Some("DONE")), blocks };
    }
    boxed(blocks)
}

/// An item whose text begins with a box.
fn boxed(mut blocks: Vec<Block>) -> Item {
    if let Some(Block::Paragraph(line)) = blocks.first_mut()
        && let Some(Inline::Text { text, marks }) = line.first_mut()
    {
        let plain = marks.is_plain();
        let checked = match text.get(..4).filter(|_| plain) {
            Some("[ ] ") => Some(false),
            Some("[x] " | "[X] ") => Some(true),
            _ => None,
        };
        if checked.is_some() {
            text.drain(..4);
            if text.is_empty() {
                line.remove(0);
            }
            return Item { checked, blocks };
        }
    }
    read_item(None, blocks)
}

/// True if a list can be a list of tasks: all items have a box, and nothing below but such lists.
pub(super) fn is_tasks(start: Option<u64>, items: &[Item]) -> bool {
    start.is_none() && !items.is_empty() && items.iter().all(is_task)
}

fn is_task(item: &Item) -> bool {
    let below = match item.blocks.as_slice() {
        [Block::Paragraph(line), below @ ..] if !matches!(line.as_slice(), [Inline::Image { .. }]) => below,
        below => below,
    };
    let is_list =
        |block: &Block| matches!(block, Block::List { start, items, .. } if is_tasks(*start, items));
    item.checked.is_some() && below.len() < 2 && below.iter().all(is_list)
}

/// The blocks of an item of another list, with its box as text, which is read as a box.
pub(super) fn with_box(item: &Item) -> Cow<'_, [Block]> {
    let sign = match item.checked {
        None => return Cow::Borrowed(&item.blocks),
        Some(true) => "[x] ",
        Some(false) => "[ ] ",
    };
    let mut blocks = item.blocks.clone();
    match blocks.first_mut() {
        Some(Block::Paragraph(line)) => match line.first_mut() {
            Some(Inline::Text { text, marks }) if marks.is_plain() => text.insert_str(0, sign),
            Some(Inline::Image { .. }) => blocks.insert(0, Block::paragraph(sign.trim_end(), None)),
            _ => line.insert(0, Inline::text(sign)),
        },
        _ => blocks.insert(0, Block::paragraph(sign.trim_end(), None)),
    }
    Cow::Owned(blocks)
}
