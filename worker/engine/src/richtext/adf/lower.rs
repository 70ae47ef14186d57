//! Expresses blocks by what Jira's documents allow at their place.

use std::sync::Arc;

use crate::richtext::{
    Dialect,
    loss::{self, Counter},
    lower::titled,
    tidy::tidy,
    tree::{Block, Inline, Item, Link, Marks, RawKind, Style},
    write::write,
};

/// What a block stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Document,
    Item,
    Quote,
    Panel,
    /// A section that is collapsed, at the top level.
    Expand,
    /// A collapsed section within one.
    NestedExpand,
}

impl Place {
    fn has_headings(self) -> bool {
        !matches!(self, Place::Item | Place::Quote)
    }

    fn has_rules(self) -> bool {
        !matches!(self, Place::Item | Place::Quote)
    }

    fn has_quotes(self) -> bool {
        matches!(self, Place::Document | Place::Expand | Place::NestedExpand)
    }

    fn has_panels(self) -> bool {
        self.has_quotes()
    }

    fn has_tables(self) -> bool {
        matches!(self, Place::Document | Place::Expand)
    }

    /// What a collapsed section is here.
    fn section(self) -> Option<Place> {
        match self {
            Place::Document => Some(Place::Expand),
            Place::Expand => Some(Place::NestedExpand),
            _ => None,
        }
    }
}

pub(super) fn lower(blocks: Vec<Block>, place: Place, lost: &mut Counter) -> Vec<Block> {
    let mut lowered = Vec::with_capacity(blocks.len());
    blocks.into_iter().for_each(|block| lower_block(block, place, &mut lowered, lost));
    lowered
}

fn lower_block(block: Block, place: Place, out: &mut Vec<Block>, lost: &mut Counter) {
    out.push(match block {
        Block::Paragraph(content) => match picture(&content, lost) {
            Some(picture) => Block::Paragraph(picture),
            None => match line(content, lost) {
                content if content.is_empty() => return,
                content => Block::Paragraph(content),
            },
        },
        Block::Heading { level, content } => {
            let content = line(content, lost);
            if place.has_headings() {
                Block::Heading { level, content }
            } else {
                lost.add(loss::HEADINGS);
                match bold(content) {
                    content if content.is_empty() => return,
                    content => Block::Paragraph(content),
                }
            }
        }
        Block::Quote(blocks) if place.has_quotes() => Block::Quote(lower(blocks, Place::Quote, lost)),
        Block::Quote(blocks) => {
            lost.add(loss::QUOTES);
            return out.extend(lower(blocks, place, lost));
        }
        Block::Alert { kind, blocks } if place.has_panels() => {
            Block::Alert { kind, blocks: lower(blocks, Place::Panel, lost) }
        }
        Block::Alert { kind, blocks } => {
            lost.add(loss::NESTED_ALERTS);
            out.push(Block::paragraph(kind.name(), Some(Style::Strong)));
            return out.extend(lower(blocks, place, lost));
        }
        Block::Details { title, blocks } => match place.section() {
            Some(inside) => Block::Details { title, blocks: lower(blocks, inside, lost) },
            None => {
                lost.add(loss::DETAILS);
                out.extend(titled(&title));
                return out.extend(lower(blocks, place, lost));
            }
        },
        Block::List { start, items, loose } => {
            let item =
                |item: Item| Item { checked: item.checked, blocks: lower(item.blocks, Place::Item, lost) };
            Block::List { start, items: items.into_iter().map(item).collect(), loose }
        }
        Block::Code { language, text } => {
            let word = language.split_whitespace().next().unwrap_or_default();
            if word != language {
                lost.add(loss::LANGUAGE);
            }
            Block::Code { language: word.to_owned(), text }
        }
        Block::Rule if place.has_rules() => Block::Rule,
        Block::Rule => {
            lost.add(loss::RULES);
            Block::paragraph("———", None)
        }
        Block::Table { alignments, rows } if place.has_tables() => {
            let mut cell =
                |content: Vec<Inline>| picture(&content, lost).unwrap_or_else(|| line(content, lost));
            let rows = rows.into_iter().map(|row| row.into_iter().map(&mut cell).collect()).collect();
            Block::Table { alignments, rows }
        }
        Block::Table { .. } => {
            lost.add(loss::TABLES);
            let mut unseen = Counter::default();
            let text = write(vec![block], Dialect::Markdown, &mut unseen);
            Block::Code { language: "markdown".to_owned(), text }
        }
        Block::Raw { kind: RawKind::Comment, .. } => return lost.add(loss::COMMENTS),
        Block::Raw { kind, source } => {
            let (language, what) = match kind {
                RawKind::Html => ("html", loss::HTML),
                _ => ("markdown", loss::UNREAD),
            };
            lost.add(what);
            Block::Code { language: language.to_owned(), text: source }
        }
    });
}

/// A line that is nothing but an image, which stands by itself.
fn picture(content: &[Inline], lost: &mut Counter) -> Option<Vec<Inline>> {
    if !content.iter().any(|part| matches!(part, Inline::Image { .. })) {
        return None;
    }
    let shown: Vec<&Inline> = content.iter().filter(|part| !matches!(part, Inline::Comment(_))).collect();
    let [Inline::Image { url, alt, title, link }] = shown.as_slice() else { return None };
    if !is_remote(url) {
        return None;
    }
    if shown.len() < content.len() {
        lost.add(loss::COMMENTS);
    }
    let link = link.clone().filter(|link| is_safe(&link.url));
    let keeps = link.as_ref().is_none_or(|link| link.title.is_empty());
    if !title.is_empty() || !keeps {
        lost.add(loss::IMAGE_LINKS);
    }
    let link = link.map(|link| Arc::new(Link { url: link.url.clone(), title: String::new() }));
    let image = Inline::Image { url: url.clone(), alt: alt.clone(), title: String::new(), link };
    Some(vec![image])
}

fn is_remote(url: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// True if a link may lead to an address.
fn is_safe(url: &str) -> bool {
    let start: String =
        url.chars().filter(|sign| !sign.is_whitespace() && !sign.is_control()).take(12).collect();
    let start = start.to_ascii_lowercase();
    !start.is_empty()
        && !["javascript:", "vbscript:", "data:", "file:"].iter().any(|scheme| start.starts_with(scheme))
}

fn line(content: Vec<Inline>, lost: &mut Counter) -> Vec<Inline> {
    let is_allowed = |part: &Inline| match part {
        Inline::Text { marks, .. } => {
            marks.is_plain() || (!marks.has(Style::Code) && !marks.has(Style::Sub) && marks.link.is_none())
        }
        Inline::Break => true,
        Inline::Image { .. } | Inline::Comment(_) => false,
    };
    if content.iter().all(is_allowed) {
        return content;
    }
    let mut lowered = Vec::with_capacity(content.len());
    for part in content {
        match part {
            Inline::Text { text, marks } => {
                let marks = allowed(marks, lost);
                lowered.push(Inline::Text { text, marks });
            }
            Inline::Image { url, alt, .. } => {
                lost.add(loss::IMAGES);
                let text = if alt.is_empty() { url.clone() } else { alt };
                let link = Link { url, title: String::new() };
                let marks = Marks { link: Some(Arc::new(link)), ..Marks::default() };
                lowered.push(Inline::Text { text, marks: allowed(marks, lost) });
            }
            Inline::Comment(_) => lost.add(loss::COMMENTS),
            Inline::Break => lowered.push(Inline::Break),
        }
    }
    tidy(lowered)
}

fn allowed(mut marks: Marks, lost: &mut Counter) -> Marks {
    if marks.link.as_ref().is_some_and(|link| !is_safe(&link.url)) {
        lost.add(loss::LINKS);
        marks.link = None;
    }
    if marks.has(Style::Code) {
        let others: Vec<Style> =
            Style::ALL.into_iter().filter(|style| *style != Style::Code && marks.has(*style)).collect();
        if !others.is_empty() {
            lost.add(loss::BOLD_CODE);
        }
        others.into_iter().for_each(|style| marks.remove(style));
    }
    if marks.has(Style::Sub) && marks.has(Style::Sup) {
        lost.add(loss::SCRIPTS);
        marks.remove(Style::Sup);
    }
    marks
}

fn bold(content: Vec<Inline>) -> Vec<Inline> {
    let bold = |part: Inline| match part {
        Inline::Text { text, marks } if !marks.has(Style::Code) => {
            Inline::Text { text, marks: marks.with(Style::Strong) }
        }
        part => part,
    };
    tidy(content.into_iter().map(bold).collect())
}
