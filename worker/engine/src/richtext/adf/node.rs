//! What nodes have in common.

use serde_json::Value as Json;

pub(super) fn kind(node: &Json) -> &str {
    node.get("type").and_then(Json::as_str).unwrap_or_default()
}

pub(super) fn content(node: &Json) -> &[Json] {
    node.get("content").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn marks(node: &Json) -> &[Json] {
    node.get("marks").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn attribute<'a>(node: &'a Json, name: &str) -> Option<&'a Json> {
    node.get("attrs").and_then(|attributes| attributes.get(name))
}

/// An attribute that is a text with something in it.
pub(super) fn text<'a>(node: &'a Json, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(Json::as_str).filter(|text| !text.trim().is_empty())
}

/// An attribute that is a whole number, however it is written.
pub(super) fn number(node: &Json, name: &str) -> Option<u64> {
    let value = attribute(node, name)?;
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|number| (0.0..1e15).contains(number)).map(|number| number as u64))
}

/// A node with the attributes of another, but for those that are given.
pub(super) fn made(
    kind: &str,
    before: Option<&Json>,
    given: &[(&str, Json)],
    content: Option<Vec<Json>>,
) -> Json {
    let mut attributes = before
        .filter(|before| self::kind(before) == kind)
        .and_then(|before| before.get("attrs")?.as_object().cloned())
        .unwrap_or_default();
    for (name, value) in given {
        attributes.insert((*name).to_owned(), value.clone());
    }
    let mut node = serde_json::Map::new();
    node.insert("type".to_owned(), Json::from(kind));
    if !attributes.is_empty() {
        node.insert("attrs".to_owned(), Json::Object(attributes));
    }
    if let Some(content) = content {
        node.insert("content".to_owned(), Json::Array(content));
    }
    let marks = before.filter(|before| self::kind(before) == kind).and_then(|before| before.get("marks"));
    if let Some(marks) = marks {
        node.insert("marks".to_owned(), marks.clone());
    }
    Json::Object(node)
}
