//! Atlassian Document Format: the validity of documents, and their text.

mod attrs;
mod rules;
mod text;

use serde_json::{Map, Value};

use self::rules::{Content, FORMATS, WITH_CODE};
pub(crate) use self::text::{document, length, normalised, plain};

/// The deepest nesting; deeper documents are refused.
const DEPTH: usize = 100;

/// Checks a document. The error says where and why it is invalid; Jira itself only says INVALID_INPUT.
pub(crate) fn check(value: &Value) -> Result<(), String> {
    let doc = value.as_object().ok_or("a document is an object")?;
    if doc.get("type").and_then(Value::as_str) != Some("doc") {
        return Err("type must be doc".to_owned());
    }
    if doc.get("version").and_then(Value::as_i64) != Some(1) {
        return Err("version must be 1".to_owned());
    }
    keys(doc, &["type", "version", "content"])?;
    content(doc, "doc", rules::TOP, true, DEPTH)
}

fn keys(node: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match node.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{key} is not known")),
        None => Ok(()),
    }
}

/// Checks the content of a node.
fn content(
    node: &Map<String, Value>,
    name: &str,
    rule: Content,
    needed: bool,
    depth: usize,
) -> Result<(), String> {
    let items = match node.get("content") {
        None if needed => return Err(format!("{name} needs content")),
        None => return Ok(()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(format!("content of {name} is no list")),
    };
    let depth = depth.checked_sub(1).ok_or("nested too deep")?;
    let (known, least, most): (&[&str], _, _) = match rule {
        Content::None => return Err(format!("{name} holds nothing")),
        Content::Plain => (&["text"], 0, usize::MAX),
        Content::Of(known, least, most) => (known, least, most),
    };
    if items.len() < least || items.len() > most {
        return Err(format!("{name} holds {} nodes", items.len()));
    }
    for (at, item) in items.iter().enumerate() {
        let child = item.get("type").and_then(Value::as_str).unwrap_or_default();
        let starts = name != "listItem"
            || at > 0
            || ["paragraph", "mediaSingle", "codeBlock", "extension"].contains(&child);
        if !known.contains(&child) || !starts {
            return Err(format!("content/{at}: {name} cannot hold {child} here"));
        }
        one(item, name, depth).map_err(|why| format!("content/{at}: {why}"))?;
    }
    Ok(())
}

/// Checks one node below another.
fn one(value: &Value, parent: &str, depth: usize) -> Result<(), String> {
    let node = value.as_object().ok_or("a node is an object")?;
    let name = node.get("type").and_then(Value::as_str).unwrap_or_default();
    if name == "text" {
        return text_node(node, parent);
    }
    let rule = rules::of(name).ok_or_else(|| format!("there is no node {name}"))?;
    let mut known = vec!["type", "attrs"];
    if !matches!(rule.content, Content::None) {
        known.push("content");
    }
    if !rule.marks.is_empty() || rules::TAKES_MARKS.contains(&name) {
        known.push("marks");
    }
    keys(node, &known)?;
    if !rule.attrs.is_empty() || node.contains_key("attrs") {
        attrs::check(node.get("attrs"), rule.attrs, rule.needs_attrs)
            .map_err(|why| format!("{name}: {why}"))?;
    }
    link_or_file(node, name)?;
    let mut allowed = rule.marks.to_vec();
    allowed.extend(rules::block_marks(name, parent));
    marks(node, &allowed)?;
    if has(node, "alignment") && has(node, "indentation") {
        return Err("alignment excludes indentation".to_owned());
    }
    content(node, name, rule.content, rule.needs_content, depth)
}

/// Checks attributes that depend on each other.
fn link_or_file(node: &Map<String, Value>, name: &str) -> Result<(), String> {
    let attrs = node.get("attrs");
    let given = |key: &str| attrs.is_some_and(|attrs| attrs.get(key).is_some());
    let fits = match name {
        "inlineCard" => given("url") != given("data"),
        "blockCard" => given("url") || given("data") || given("datasource"),
        "embedCard" => given("url") && given("layout"),
        "media" => match attrs.and_then(|attrs| attrs["type"].as_str()) {
            Some("external") => given("url"),
            Some("link" | "file") => given("id") && given("collection"),
            _ => false,
        },
        "mediaInline" => given("id") && given("collection"),
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("{name} lacks what it shows")) }
}

fn text_node(node: &Map<String, Value>, parent: &str) -> Result<(), String> {
    keys(node, &["type", "text", "marks"])?;
    match node.get("text") {
        Some(Value::String(text)) if !text.is_empty() => {}
        _ => return Err("text is empty".to_owned()),
    }
    let allowed = match parent {
        "codeBlock" => &[],
        _ if has(node, "code") => WITH_CODE,
        _ => FORMATS,
    };
    marks(node, allowed)
}

fn has(node: &Map<String, Value>, mark: &str) -> bool {
    let marks = node.get("marks").and_then(Value::as_array);
    marks.is_some_and(|marks| marks.iter().any(|one| one["type"] == mark))
}

fn marks(node: &Map<String, Value>, allowed: &[&str]) -> Result<(), String> {
    let list = match node.get("marks") {
        None => return Ok(()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err("marks are no list".to_owned()),
    };
    for mark in list {
        let keys_of = mark.as_object().ok_or("a mark is an object")?;
        keys(keys_of, &["type", "attrs"])?;
        let name = mark["type"].as_str().unwrap_or_default();
        let (specs, needed) = rules::mark(name).ok_or_else(|| format!("there is no mark {name}"))?;
        if !allowed.contains(&name) {
            return Err(format!("mark {name} cannot stand here"));
        }
        attrs::check(mark.get("attrs"), specs, needed).map_err(|why| format!("mark {name}: {why}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
