//! Where in a YAML text the value of a path stands.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;

/// A document's values, each with its place.
#[derive(Debug)]
enum Node {
    Map(BTreeMap<String, Spanned<Node>>),
    List(Vec<Spanned<Node>>),
    Scalar,
}

/// Line and column, from 1.
pub(crate) type Position = (u64, u64);

/// The places of one document after another; none where the text cannot be read.
#[derive(Debug, Default)]
pub(crate) struct Positions(Vec<Spanned<Node>>);

impl Positions {
    /// Reads a text of one or more documents.
    pub(crate) fn read(text: &str) -> Positions {
        Positions(serde_saphyr::from_multiple(text).unwrap_or_default())
    }

    /// The place of a path such as `field_mappings[2].values` in the nth document, or of the nearest value around it.
    pub(crate) fn find(&self, document: usize, path: &str) -> Option<Position> {
        let mut node = self.0.get(document)?;
        for step in path.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match &node.value {
                Node::Map(map) => map.get(step),
                Node::List(list) => step.parse::<usize>().ok().and_then(|place| list.get(place)),
                Node::Scalar => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        Some((node.referenced.line(), node.referenced.column()))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// Scalars of every kind: only their place matters.
macro_rules! scalars {
    ($($visit:ident: $kind:ty),+) => {
        $(fn $visit<E>(self, _: $kind) -> Result<Node, E> { Ok(Node::Scalar) })+
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
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
        while let Some(key) = access.next_key::<String>()? {
            map.insert(key, access.next_value()?);
        }
        // Nothing is left behind that a deserializer would complain about.
        while access.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Node::Map(map))
    }
}
