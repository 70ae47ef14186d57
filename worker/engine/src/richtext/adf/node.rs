//! What nodes have in common.

use serde_json::{Map, Value as Json};

/// What a node has, found at one go.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts<'a> {
    pub(super) kind: &'a str,
    pub(super) text: &'a str,
    pub(super) attributes: Option<&'a Map<String, Json>>,
    pub(super) content: &'a [Json],
    pub(super) marks: &'a [Json],
}

pub(super) fn parts(node: &Json) -> Parts<'_> {
    let mut parts = Parts::default();
    for (name, value) in node.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("type", Json::String(kind)) => parts.kind = kind,
            ("text", Json::String(text)) => parts.text = text,
            ("attrs", Json::Object(attributes)) => parts.attributes = Some(attributes),
            ("content", Json::Array(nodes)) => parts.content = nodes,
            ("marks", Json::Array(marks)) => parts.marks = marks,
            _ => {}
        }
    }
    parts
}

impl Parts<'_> {
    /// An attribute that is a text with something in it.
    pub(super) fn stated(&self, name: &str) -> Option<&str> {
        self.attributes?.get(name)?.as_str().filter(|text| !text.trim().is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        whole(self.attributes?.get(name)?)
    }
}

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

/// A whole number, however it is written.
fn whole(value: &Json) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|number| (0.0..1e15).contains(number)).map(|number| number as u64))
}
