//! Nodes that are written, and how they become JSON.
//!
//! A document is many small objects. They are written straight as JSON: to build values of them first would take longer
//! than everything else.

use std::sync::Arc;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value as Json};

use super::node::kind;
use crate::richtext::tree::{Link, Marks, Style};

/// A document of Jira's, which is written as JSON. What did not change in it is that of the document that it replaces.
#[derive(Debug)]
pub struct Document<'a> {
    pub(super) content: Vec<Node<'a>>,
}

#[derive(Debug)]
pub(super) enum Node<'a> {
    /// As it stands in the present document.
    Kept(&'a Json),
    /// A node of the present document with other nodes in it.
    Holder {
        node: &'a Json,
        content: Vec<Node<'a>>,
    },
    Text {
        text: String,
        marks: Marks,
    },
    Break,
    Made(Made<'a>),
}

#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) kind: &'a str,
    /// Attributes of the node in whose place it stands.
    attributes: Option<&'a Map<String, Json>>,
    /// Attributes that go before those.
    given: Vec<(&'static str, Given)>,
    content: Option<Vec<Node<'a>>>,
    marks: NodeMarks<'a>,
}

/// The value of an attribute.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Number(u64),
    Word(&'static str),
    Text(String),
}

/// The marks of a node that is no text.
#[derive(Debug)]
pub(super) enum NodeMarks<'a> {
    None,
    Kept(&'a Json),
    Align(&'static str),
    Link(Arc<Link>),
}

/// A node with the attributes of another, but for those that are given.
pub(super) fn made<'a>(
    kind: &'a str,
    before: Option<&'a Json>,
    given: Vec<(&'static str, Given)>,
    content: Option<Vec<Node<'a>>>,
) -> Node<'a> {
    let before = before.filter(|before| super::node::kind(before) == kind);
    let attributes = before.and_then(|before| before.get("attrs")?.as_object());
    let marks = before.and_then(|before| before.get("marks")).map_or(NodeMarks::None, NodeMarks::Kept);
    Node::Made(Made { kind, attributes, given, content, marks })
}

impl<'a> Node<'a> {
    pub(super) fn text(text: String) -> Node<'a> {
        Node::Text { text, marks: Marks::default() }
    }

    pub(super) fn kind(&self) -> &str {
        match self {
            Node::Kept(node) | Node::Holder { node, .. } => kind(node),
            Node::Text { .. } => "text",
            Node::Break => "hardBreak",
            Node::Made(made) => made.kind,
        }
    }

    /// The same node with other marks, if it is new.
    pub(super) fn with_marks(mut self, marks: NodeMarks<'a>) -> Node<'a> {
        if let Node::Made(made) = &mut self {
            made.marks = marks;
        }
        self
    }

    /// The same node under another name, without marks.
    pub(super) fn renamed(self, kind: &'a str) -> Node<'a> {
        let made = match self {
            Node::Made(made) => Made { kind, marks: NodeMarks::None, ..made },
            Node::Kept(node) => {
                let content = super::node::content(node).iter().map(Node::Kept).collect();
                Made {
                    kind,
                    attributes: node.get("attrs").and_then(Json::as_object),
                    given: Vec::new(),
                    content: Some(content),
                    marks: NodeMarks::None,
                }
            }
            node => return node,
        };
        Node::Made(made)
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("type", "doc")?;
        map.serialize_entry("version", &1)?;
        map.serialize_entry("content", &self.content)?;
        map.end()
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = match self {
            Node::Kept(node) => return node.serialize(to),
            _ => to.serialize_map(None)?,
        };
        match self {
            Node::Kept(_) => {}
            Node::Holder { node, content } => {
                for (name, value) in node.as_object().into_iter().flatten() {
                    if name != "content" {
                        map.serialize_entry(name, value)?;
                    }
                }
                map.serialize_entry("content", content)?;
            }
            Node::Text { text, marks } => {
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", text)?;
                if !marks.is_plain() {
                    map.serialize_entry("marks", &TextMarks(marks))?;
                }
            }
            Node::Break => map.serialize_entry("type", "hardBreak")?,
            Node::Made(made) => {
                map.serialize_entry("type", made.kind)?;
                let taken = made.attributes.filter(|attributes| !attributes.is_empty());
                if taken.is_some() || !made.given.is_empty() {
                    map.serialize_entry("attrs", &Attributes { taken, given: &made.given })?;
                }
                if let Some(content) = &made.content {
                    map.serialize_entry("content", content)?;
                }
                match &made.marks {
                    NodeMarks::None => {}
                    NodeMarks::Kept(marks) => map.serialize_entry("marks", marks)?,
                    NodeMarks::Align(align) => {
                        let attributes = One { name: "align", value: align };
                        map.serialize_entry("marks", &[Mark::with("alignment", attributes)])?;
                    }
                    NodeMarks::Link(link) => {
                        let attributes = One { name: "href", value: &link.url };
                        map.serialize_entry("marks", &[Mark::with("link", attributes)])?;
                    }
                }
            }
        }
        map.end()
    }
}

struct Attributes<'n> {
    taken: Option<&'n Map<String, Json>>,
    given: &'n [(&'static str, Given)],
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, value) in self.taken.into_iter().flatten() {
            if self.given.iter().all(|(given, _)| given != name) {
                map.serialize_entry(name, value)?;
            }
        }
        for (name, value) in self.given {
            match value {
                Given::Number(number) => map.serialize_entry(name, number)?,
                Given::Word(word) => map.serialize_entry(name, word)?,
                Given::Text(text) => map.serialize_entry(name, text)?,
            }
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Mark<A> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attrs: Option<A>,
}

impl<A> Mark<A> {
    fn with(kind: &'static str, attributes: A) -> Mark<A> {
        Mark { kind, attrs: Some(attributes) }
    }
}

/// An attribute by itself.
struct One<'n> {
    name: &'static str,
    value: &'n str,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry(self.name, self.value)?;
        map.end()
    }
}

#[derive(Serialize)]
struct Leads<'n> {
    href: &'n str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'n str,
}

/// The marks of a text, in the order of Atlassian's editor.
struct TextMarks<'n>(&'n Marks);

impl Serialize for TextMarks<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let marks = self.0;
        let bare = |kind: &'static str| Mark::<()> { kind, attrs: None };
        let mut all = to.serialize_seq(None)?;
        if let Some(link) = &marks.link {
            all.serialize_element(&Mark::with("link", Leads { href: &link.url, title: &link.title }))?;
        }
        if marks.has(Style::Code) {
            all.serialize_element(&bare("code"))?;
            return all.end();
        }
        for (style, name) in [(Style::Emphasis, "em"), (Style::Strong, "strong"), (Style::Strike, "strike")] {
            if marks.has(style) {
                all.serialize_element(&bare(name))?;
            }
        }
        // A text is one or the other.
        let script =
            [(Style::Sub, "sub"), (Style::Sup, "sup")].into_iter().find(|(style, _)| marks.has(*style));
        if let Some((_, value)) = script {
            all.serialize_element(&Mark::with("subsup", One { name: "type", value }))?;
        }
        if marks.has(Style::Underline) {
            all.serialize_element(&bare("underline"))?;
        }
        all.end()
    }
}
