//! The elements of HTML that Markdown is written with: marks, breaks, images, collapsed sections.

use super::tree::{RawKind, Style};

/// A tag within a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Open(Style),
    Close(Style),
    Break,
    Image {
        url: String,
        alt: String,
    },
    Comment,
    /// Anything else is text: `<server>` names a server.
    Other,
}

pub(super) fn tag(source: &str) -> Tag {
    if source.starts_with("<!--") {
        return Tag::Comment;
    }
    let Some(inner) = source.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        return Tag::Other;
    };
    let (closes, inner) = match inner.strip_prefix('/') {
        Some(inner) => (true, inner),
        None => (false, inner),
    };
    let inner = inner.trim_end_matches('/').trim();
    let (name, attributes) = match inner.find(|letter: char| letter.is_whitespace()) {
        Some(end) => inner.split_at(end),
        None => (inner, ""),
    };
    let name = name.to_ascii_lowercase();
    if !closes && name == "img" {
        return attribute(attributes, "src").map_or(Tag::Other, |url| Tag::Image {
            url,
            alt: attribute(attributes, "alt").unwrap_or_default(),
        });
    }
    if !attributes.is_empty() {
        return Tag::Other;
    }
    let style = match name.as_str() {
        "br" if !closes => return Tag::Break,
        "b" | "strong" => Style::Strong,
        "i" | "em" => Style::Emphasis,
        "s" | "del" | "strike" => Style::Strike,
        "u" | "ins" => Style::Underline,
        "sub" => Style::Sub,
        "sup" => Style::Sup,
        _ => return Tag::Other,
    };
    if closes { Tag::Close(style) } else { Tag::Open(style) }
}

/// The elements that write a style.
pub(super) fn tags(style: Style) -> (&'static str, &'static str) {
    match style {
        Style::Strong => ("<strong>", "</strong>"),
        Style::Emphasis => ("<em>", "</em>"),
        Style::Strike => ("<del>", "</del>"),
        Style::Underline => ("<u>", "</u>"),
        Style::Sub => ("<sub>", "</sub>"),
        Style::Sup => ("<sup>", "</sup>"),
        Style::Code => ("`", "`"),
    }
}

/// The value of an attribute, quoted or not.
fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let Some(behind) = behind.strip_prefix('=') else {
            // An attribute without a value. A name is never empty here, unless the tag is broken.
            if name.is_empty() {
                return None;
            }
            rest = behind;
            continue;
        };
        let behind = behind.trim_start();
        let (value, behind) = match behind.chars().next() {
            Some(quote @ ('"' | '\'')) => behind[1..].split_once(quote).unwrap_or((&behind[1..], "")),
            _ => behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescaped(value));
        }
        rest = behind.trim_start();
    }
    None
}

/// What a block of HTML is.
pub(super) enum Html {
    /// `<details>`, with the title in its summary.
    Details(String),
    DetailsEnd,
    /// One image.
    Image {
        url: String,
        alt: String,
    },
    Raw(RawKind),
}

pub(super) fn block(source: &str) -> Html {
    let text = source.trim();
    if let Some(inner) = text.strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")) {
        return Html::Raw(if inner.contains("-->") { RawKind::Html } else { RawKind::Comment });
    }
    if text.eq_ignore_ascii_case("</details>") {
        return Html::DetailsEnd;
    }
    if text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("<img"))
        && text.matches('<').count() == 1
        && let Tag::Image { url, alt } = tag(text)
    {
        return Html::Image { url, alt };
    }
    details(text).map_or(Html::Raw(RawKind::Html), Html::Details)
}

fn details(text: &str) -> Option<String> {
    let name = "<details";
    text.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name))?;
    let behind = &text[name.len()..];
    let (attributes, rest) = behind.split_once('>')?;
    if !attributes.is_empty() && !attributes.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim();
    if rest.is_empty() {
        return Some(String::new());
    }
    let (open, close) = ("<summary>", "</summary>");
    rest.get(..open.len()).filter(|start| start.eq_ignore_ascii_case(open))?;
    let end = rest.len().checked_sub(close.len()).filter(|end| *end >= open.len())?;
    rest.get(end..).filter(|end| end.eq_ignore_ascii_case(close))?;
    let title = rest.get(open.len()..end)?;
    (!title.to_ascii_lowercase().contains("summary>"))
        .then(|| unescaped(&without_tags(title)).trim().to_owned())
}

fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        out.push_str(&rest[..start]);
        match rest[start..].find('>') {
            Some(end) => rest = &rest[start + end + 1..],
            None => {
                out.push_str(&rest[start..]);
                rest = "";
            }
        }
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
