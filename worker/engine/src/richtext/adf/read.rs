//! Nodes to the tree.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{
    cells, islands, lines, lists,
    node::{content, kind, marks, parts, text},
};
use crate::richtext::{
    loss::{self, Counter},
    parts::printable,
    tidy::tidy,
    tree::{Alert, Block, Inline, Link, Loose, Marks},
};

/// How deeply nodes are nested at most; what is deeper is shown as a sign.
pub(super) const DEEPEST: usize = 24;

/// The blocks that each node is shown as.
pub(super) fn groups(nodes: &[Json], lost: &mut Counter) -> Vec<Vec<Block>> {
    nodes.iter().map(|node| blocks(node, 0, lost)).collect()
}

pub(super) fn all(nodes: &[Json], depth: usize, lost: &mut Counter) -> Vec<Block> {
    nodes.iter().flat_map(|node| blocks(node, depth, lost)).collect()
}

pub(super) fn blocks(node: &Json, depth: usize, lost: &mut Counter) -> Vec<Block> {
    if depth > DEEPEST {
        lost.add(loss::UNREAD);
        return vec![Block::paragraph("[nested too deeply]", None)];
    }
    let of = parts(node);
    let inner = |lost: &mut Counter| all(of.content, depth + 1, lost);
    if of.marks.iter().any(|mark| matches!(kind(mark), "alignment" | "indentation" | "breakout")) {
        lost.add(loss::LAYOUT);
    }
    let block = match of.kind {
        "paragraph" => return paragraph(lines::read(of.content, lost), lost),
        "heading" => {
            let level = of.number("level").unwrap_or(1).clamp(1, 6) as u8;
            Block::Heading { level, content: lines::read(of.content, lost) }
        }
        "blockquote" => Block::Quote(inner(lost)),
        "panel" => {
            if ["panelIcon", "panelIconText", "panelColor"].iter().any(|name| of.stated(name).is_some()) {
                lost.add(loss::PANELS);
            }
            Block::Alert { kind: alert(node), blocks: inner(lost) }
        }
        "expand" | "nestedExpand" => {
            let title = printable(of.stated("title").unwrap_or_default());
            let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
            Block::Details { title, blocks: inner(lost) }
        }
        "bulletList" | "orderedList" | "taskList" | "decisionList" => {
            if of.kind == "decisionList" {
                lost.add(loss::DECISIONS);
            }
            let start = (of.kind == "orderedList").then(|| of.number("order").unwrap_or(1));
            let items = lists::groups(of.content).map(|nodes| lists::item(nodes, depth + 1, lost)).collect();
            Block::List { start, items, loose: Loose(false) }
        }
        "codeBlock" => {
            let lines: Vec<&str> =
                of.content.iter().filter_map(|part| part.get("text").and_then(Json::as_str)).collect();
            let language = of.stated("language").unwrap_or_default().trim().replace(['\n', '\r'], " ");
            let code = lines.concat().replace("\r\n", "\n");
            Block::Code { language: printable(&language), text: printable(&code) }
        }
        "rule" => Block::Rule,
        "table" => return cells::read(node, depth, lost).into_iter().collect(),
        "mediaSingle" | "mediaGroup" | "media" => return media(node, lost),
        "blockCard" | "embedCard" => {
            lost.add(loss::ISLANDS);
            match of.stated("url") {
                Some(url) => {
                    let url = printable(url.trim());
                    let link = Some(Arc::new(Link { url: url.clone(), title: String::new() }));
                    Block::Paragraph(vec![Inline::Text {
                        text: url,
                        marks: Marks { link, ..Marks::default() },
                    }])
                }
                None => Block::paragraph("[card]", None),
            }
        }
        "layoutSection"
        | "layoutColumn"
        | "bodiedExtension"
        | "bodiedSyncBlock"
        | "multiBodiedExtension"
        | "extensionFrame"
        | "doc" => {
            lost.add(if of.kind.starts_with("layout") { loss::LAYOUT } else { loss::MACROS });
            return inner(lost);
        }
        "text" | "hardBreak" => return paragraph(lines::read(std::slice::from_ref(node), lost), lost),
        other => {
            lost.add(loss::MACROS);
            Block::paragraph(&format!("[{}]", islands::named(node, other)), None)
        }
    };
    vec![block]
}

fn paragraph(line: Vec<Inline>, lost: &mut Counter) -> Vec<Block> {
    if line.is_empty() {
        lost.add(loss::EMPTY);
        return Vec::new();
    }
    vec![Block::Paragraph(line)]
}

pub(super) fn alert(node: &Json) -> Alert {
    match text(node, "panelType") {
        Some("success" | "tip") => Alert::Tip,
        Some("note") => Alert::Important,
        Some("warning") => Alert::Warning,
        Some("error") => Alert::Caution,
        _ => Alert::Note,
    }
}

/// The kind of panel that an alert is.
pub(super) fn panel(kind: Alert) -> &'static str {
    match kind {
        Alert::Note => "info",
        Alert::Tip => "success",
        Alert::Important => "note",
        Alert::Warning => "warning",
        Alert::Caution => "error",
    }
}

/// Images elsewhere are images; files are shown by name.
fn media(node: &Json, lost: &mut Counter) -> Vec<Block> {
    let nodes = if kind(node) == "media" { std::slice::from_ref(node) } else { content(node) };
    let mut line = Vec::new();
    for part in nodes {
        match kind(part) {
            "caption" => {
                line.push(Inline::Break);
                line.extend(lines::read(content(part), lost));
            }
            _ => {
                if !line.is_empty() {
                    line.push(Inline::Break);
                }
                line.push(picture(part, node, lost));
            }
        }
    }
    paragraph(tidy(line), lost)
}

fn picture(media: &Json, single: &Json, lost: &mut Counter) -> Inline {
    let url = text(media, "url").filter(|_| text(media, "type") == Some("external"));
    let Some(url) = url else {
        lost.add(loss::FILES);
        return Inline::text(format!("[{}]", islands::file(media)));
    };
    let alt = printable(text(media, "alt").unwrap_or_default());
    let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
    let link = marks(media).iter().chain(marks(single)).find_map(|mark| text(mark, "href"));
    let link = link.map(|url| Arc::new(Link { url: printable(url), title: String::new() }));
    Inline::Image { url: printable(url), alt, title: String::new(), link }
}
