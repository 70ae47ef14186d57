//! Parses YAML into values with their lines and columns.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::Spanned;
use syncline_engine::spec::Finding;
use syncline_service::yaml;

/// A value of a document, with the positions of its children.
#[derive(Debug)]
enum Node {
    /// The position of each key, and its value.
    Map(BTreeMap<String, (Position, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    Scalar(Value),
}

/// Line and column, from 1.
pub(crate) type Position = (u64, u64);

/// The values of several documents, with their positions.
#[derive(Debug, Default)]
pub(crate) struct Positions(Vec<Spanned<Node>>);

impl Positions {
    /// Parses a text of one or more documents.
    pub(crate) fn read(text: &str) -> Result<Positions, serde_saphyr::Error> {
        Ok(Positions(yaml::parse(text)?))
    }

    /// The documents as JSON.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.0.iter().map(|document| document.value.json()).collect()
    }

    /// The position of a finding's value in the nth document, or of the nearest value around it.
    pub(crate) fn find(&self, document: usize, finding: &Finding) -> Option<Position> {
        let mut node = self.0.get(document)?;
        let mut place = (node.referenced.line(), node.referenced.column());
        for step in finding.path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match &node.value {
                Node::Map(map) => map.get(step).map(|(key, value)| (Some(*key), value)),
                Node::List(list) => {
                    step.parse::<usize>().ok().and_then(|place| list.get(place)).map(|value| (None, value))
                }
                Node::Scalar(_) => None,
            };
            let Some((key, next)) = next else { break };
            node = next;
            place = match key.filter(|_| finding.at_key) {
                Some(key) => key,
                None => (node.referenced.line(), node.referenced.column()),
            };
        }
        Some(place)
    }
}

impl Node {
    fn json(&self) -> Value {
        match self {
            Node::Map(map) => map.iter().map(|(key, (_, node))| (key.clone(), node.value.json())).collect(),
            Node::List(list) => list.iter().map(|node| node.value.json()).collect(),
            Node::Scalar(value) => value.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// Visits the scalars that also exist in JSON.
macro_rules! scalars {
    ($($visit:ident: $kind:ty),+) => {
        $(fn $visit<E>(self, value: $kind) -> Result<Node, E> { Ok(Node::Scalar(Value::from(value))) })+
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_str: &str);

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(
            serde_json::Number::from_f64(value).map_or(Value::from(value.to_string()), Value::Number),
        ))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Scalar(Value::from(value.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = access.next_element()? {
            list.push(value);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = access.next_key::<Spanned<String>>()? {
            let place = (key.referenced.line(), key.referenced.column());
            map.insert(key.value, (place, access.next_value()?));
        }
        // All entries must be consumed, or the deserializer reports an error.
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Node::Map(map))
    }
}
