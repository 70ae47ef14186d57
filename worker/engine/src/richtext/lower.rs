//! Expresses blocks by what a dialect has.

use super::{
    Dialect, adf,
    loss::{self, Counter},
    tidy::tidy,
    tree::{Block, Inline, Item, Marks, RawKind, Style},
};

/// The blocks as a dialect can write them.
pub(super) fn lower(blocks: Vec<Block>, to: Dialect, lost: &mut Counter) -> Vec<Block> {
    if to == Dialect::Jira {
        return adf::lower(blocks, lost);
    }
    if to.has_html() {
        return blocks;
    }
    let mut lowered = Vec::with_capacity(blocks.len());
    blocks.into_iter().for_each(|block| lower_block(block, to, &mut lowered, lost));
    lowered
}

fn lower_block(block: Block, to: Dialect, out: &mut Vec<Block>, lost: &mut Counter) {
    out.push(match block {
        Block::Paragraph(content) => match line(content, false, lost) {
            content if content.is_empty() => return,
            content => Block::Paragraph(content),
        },
        Block::Heading { level, content } => Block::Heading { level, content: line(content, true, lost) },
        Block::Quote(blocks) => Block::Quote(lower(blocks, to, lost)),
        Block::Alert { kind, blocks } => {
            lost.add(loss::ALERTS);
            let mut inner = vec![Block::paragraph(kind.name(), Some(Style::Strong))];
            inner.extend(lower(blocks, to, lost));
            Block::Quote(inner)
        }
        Block::Details { title, blocks } => {
            lost.add(loss::DETAILS);
            out.extend(titled(&title));
            return out.extend(lower(blocks, to, lost));
        }
        Block::List { start, items, loose } => {
            let item = |item: Item| Item { checked: item.checked, blocks: lower(item.blocks, to, lost) };
            Block::List { start, items: items.into_iter().map(item).collect(), loose }
        }
        Block::Table { alignments, rows } => {
            let mut cell = |content: Vec<Inline>| line(content, true, lost);
            let rows = rows.into_iter().map(|row| row.into_iter().map(&mut cell).collect()).collect();
            Block::Table { alignments, rows }
        }
        Block::Raw { kind: RawKind::Comment, .. } => return lost.add(loss::COMMENTS),
        Block::Raw { kind: RawKind::Html, source } => {
            lost.add(loss::HTML);
            Block::Code { language: "html".to_owned(), text: source }
        }
        Block::Raw { kind: RawKind::Markdown, .. } | Block::Code { .. } | Block::Rule => block,
    });
}

/// The title of a section as a paragraph of its own, if it has one.
pub(super) fn titled(title: &str) -> Option<Block> {
    (!title.is_empty()).then(|| Block::paragraph(title, Some(Style::Strong)))
}

/// A line without the styles that only HTML has.
fn line(content: Vec<Inline>, is_single: bool, lost: &mut Counter) -> Vec<Inline> {
    const HTML: [Style; 3] = [Style::Underline, Style::Sub, Style::Sup];
    let is_lost = |part: &Inline| match part {
        Inline::Text { marks, .. } => HTML.into_iter().any(|style| marks.has(style)),
        Inline::Break => is_single,
        Inline::Comment(_) => true,
        Inline::Image { .. } => false,
    };
    if !content.iter().any(is_lost) {
        return content;
    }
    let mut drop = |mut marks: Marks| {
        for (style, what) in
            [(Style::Underline, loss::UNDERLINE), (Style::Sub, loss::SCRIPTS), (Style::Sup, loss::SCRIPTS)]
        {
            if marks.has(style) {
                lost.add(what);
                marks.remove(style);
            }
        }
        marks
    };
    let mut lowered = Vec::with_capacity(content.len());
    let (mut breaks, mut comments) = (0, 0);
    for part in content {
        match part {
            Inline::Text { text, marks } => {
                lowered.push(Inline::Text { text, marks: drop(marks) });
            }
            Inline::Break if is_single => {
                breaks += 1;
                lowered.push(Inline::text(" "));
            }
            Inline::Comment(_) => comments += 1,
            part => lowered.push(part),
        }
    }
    (0..breaks).for_each(|_| lost.add(loss::LINE_BREAKS));
    (0..comments).for_each(|_| lost.add(loss::COMMENTS));
    tidy(lowered)
}
