//! The queries: the fields that can be selected, and their values.

mod filter;
mod issue;
mod list;
mod node;
mod others;
mod query;

pub(crate) use self::{
    issue::PRIORITIES,
    list::PAGE,
    node::{Item, Node, Out},
    query::query,
};

use super::{access::Viewer, error::Failure, state::State};
use crate::graphql::Selected;

/// The context in which fields are resolved.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) viewer: &'a Viewer,
    pub(crate) limits: super::limits::Rules<'a>,
}

impl View<'_> {
    /// Resolves a field of a node.
    pub(crate) fn resolve(&self, node: &Node, field: &Selected) -> Result<Out, Failure> {
        if field.name == "__typename" {
            return Ok(Out::text(node.type_name()));
        }
        match node {
            Node::Root => query(self, field),
            Node::Item(Item::Issue(id)) | Node::Found(id) => self.issue(*id, field),
            Node::Item(item) => self.item(*item, field),
            Node::Page(page) => Ok(page.field(&field.name)),
            Node::Edge(of, item) => Ok(match field.name.as_str() {
                "cursor" => Out::text(item.id().to_string()),
                _ => Out::One(of.node(*item)),
            }),
            Node::PageInfo(page) => Ok(page.info(&field.name)),
            Node::Payload(_, fields) => Ok(fields
                .iter()
                .find(|(name, _)| *name == field.name)
                .map_or(Out::Null, |(_, value)| value.clone())),
        }
    }
}
