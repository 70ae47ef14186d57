//! Lines of text: inline nodes to the tree, and back.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    islands::{Islands, Shown, shown},
    made::Node,
    node::{attribute, kind, parts, text},
};
use crate::richtext::{
    loss::{self, Counter},
    parts::printable,
    tidy::tidy,
    tree::{Inline, Link, Marks, Style},
};

/// The inline nodes of a block.
pub(super) fn read(nodes: &[Json], lost: &mut Counter) -> Vec<Inline> {
    let mut content = Vec::with_capacity(nodes.len());
    for node in nodes {
        push(node, &mut content, lost);
    }
    tidy(content)
}

fn push(node: &Json, content: &mut Vec<Inline>, lost: &mut Counter) {
    let of = parts(node);
    match of.kind {
        "text" => {
            let marks = read_marks(of.marks, lost);
            let mut lines = of.text.split('\n');
            let last = lines.next_back().unwrap_or_default();
            for line in lines {
                content.push(Inline::Text { text: printable(line), marks: marks.clone() });
                content.push(Inline::Break);
            }
            content.push(Inline::Text { text: printable(last), marks });
        }
        "hardBreak" => content.push(Inline::Break),
        _ => {
            let (how, what) = shown(node);
            lost.add(what);
            content.push(match how {
                Shown::Text(text) => Inline::text(text),
                Shown::Link(url) => {
                    let link = Some(Arc::new(Link { url: url.clone(), title: String::new() }));
                    Inline::Text { text: url, marks: Marks { link, ..Marks::default() } }
                }
            });
        }
    }
}

fn read_marks(marks: &[Json], lost: &mut Counter) -> Marks {
    let mut all = Marks::default();
    for mark in marks {
        match kind(mark) {
            "strong" => all.add(Style::Strong),
            "em" => all.add(Style::Emphasis),
            "strike" => all.add(Style::Strike),
            "underline" => all.add(Style::Underline),
            "code" => all.add(Style::Code),
            "subsup" if text(mark, "type") == Some("sup") => all.add(Style::Sup),
            "subsup" => all.add(Style::Sub),
            "link" => {
                let title = attribute(mark, "title").and_then(Json::as_str).unwrap_or_default();
                all.link = text(mark, "href").map(|url| {
                    Arc::new(Link { url: printable(url.trim()), title: printable(title).replace('\n', " ") })
                });
            }
            "annotation" => lost.add(loss::ANNOTATIONS),
            _ => lost.add(loss::COLOURS),
        }
    }
    all
}

/// The inline nodes of a line. Nodes that it shows are taken from `local`, then from `moved`.
pub(super) fn write<'a>(
    content: &[Inline],
    local: &mut Islands<'a>,
    moved: &mut Islands<'a>,
) -> Vec<Node<'a>> {
    let mut nodes = Vec::with_capacity(content.len());
    for part in content {
        match part {
            Inline::Break => nodes.push(Node::Break),
            Inline::Text { text, marks } => write_text(text, marks, local, moved, &mut nodes),
            // What an image or a comment becomes was decided before.
            Inline::Image { .. } | Inline::Comment(_) => {}
        }
    }
    nodes
}

fn write_text<'a>(
    text: &str,
    marks: &Marks,
    local: &mut Islands<'a>,
    moved: &mut Islands<'a>,
    nodes: &mut Vec<Node<'a>>,
) {
    if let Some(link) = marks.link.as_ref().filter(|link| link.url == *text)
        && let Some(card) = local.link(&link.url).or_else(|| moved.link(&link.url))
    {
        return nodes.push(Node::Kept(card));
    }
    let push = |text: &str, nodes: &mut Vec<Node<'a>>| {
        let text = printable(text);
        if !text.is_empty() {
            nodes.push(Node::Text { text, marks: marks.clone() });
        }
    };
    let mut rest = text;
    let may_show = marks.link.is_none() && !marks.has(Style::Code) && !(local.is_empty() && moved.is_empty());
    while let Some((range, node)) =
        may_show.then(|| local.first(rest).or_else(|| moved.first(rest))).flatten()
    {
        push(&rest[..range.start], nodes);
        nodes.push(Node::Kept(node));
        rest = &rest[range.end..];
    }
    push(rest, nodes);
}
