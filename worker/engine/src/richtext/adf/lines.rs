//! Lines of text: inline nodes to the tree, and back.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{
    islands::{Islands, Shown, shown},
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
pub(super) fn write(content: &[Inline], local: &mut Islands, moved: &mut Islands) -> Vec<Json> {
    let mut nodes = Vec::with_capacity(content.len());
    for part in content {
        match part {
            Inline::Break => nodes.push(json!({"type": "hardBreak"})),
            Inline::Text { text, marks } => write_text(text, marks, local, moved, &mut nodes),
            // What an image or a comment becomes was decided before.
            Inline::Image { .. } | Inline::Comment(_) => {}
        }
    }
    nodes
}

fn write_text(text: &str, marks: &Marks, local: &mut Islands, moved: &mut Islands, nodes: &mut Vec<Json>) {
    if let Some(link) = marks.link.as_ref().filter(|link| link.url == *text)
        && let Some(card) = local.link(&link.url).or_else(|| moved.link(&link.url))
    {
        return nodes.push(card);
    }
    let push = |text: &str, nodes: &mut Vec<Json>| {
        let text = printable(text);
        if !text.is_empty() {
            let mut node = serde_json::Map::new();
            node.insert("type".to_owned(), Json::from("text"));
            node.insert("text".to_owned(), Json::String(text));
            if !marks.is_plain() {
                node.insert("marks".to_owned(), Json::Array(write_marks(marks)));
            }
            nodes.push(Json::Object(node));
        }
    };
    let mut rest = text;
    let may_show = marks.link.is_none() && !marks.has(Style::Code) && !(local.is_empty() && moved.is_empty());
    while let Some((range, node)) =
        may_show.then(|| local.first(rest).or_else(|| moved.first(rest))).flatten()
    {
        push(&rest[..range.start], nodes);
        nodes.push(node);
        rest = &rest[range.end..];
    }
    push(rest, nodes);
}

/// The marks of a text, in the order of Atlassian's editor.
fn write_marks(marks: &Marks) -> Vec<Json> {
    let mut all = Vec::new();
    if let Some(link) = &marks.link {
        let mut attributes = json!({"href": link.url});
        if let Some(object) = attributes.as_object_mut().filter(|_| !link.title.is_empty()) {
            object.insert("title".to_owned(), Json::from(link.title.as_str()));
        }
        all.push(json!({"type": "link", "attrs": attributes}));
    }
    if marks.has(Style::Code) {
        all.push(json!({"type": "code"}));
        return all;
    }
    for (style, name) in [(Style::Emphasis, "em"), (Style::Strong, "strong"), (Style::Strike, "strike")] {
        if marks.has(style) {
            all.push(json!({"type": name}));
        }
    }
    for (style, name) in [(Style::Sub, "sub"), (Style::Sup, "sup")] {
        if marks.has(style) {
            all.push(json!({"type": "subsup", "attrs": {"type": name}}));
            // A text is one or the other.
            break;
        }
    }
    if marks.has(Style::Underline) {
        all.push(json!({"type": "underline"}));
    }
    all
}
