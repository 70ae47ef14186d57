//! Objects with fields, and the values of fields.

use std::sync::Arc;

use serde_json::Value;

use super::{super::id::Id, list::Page};

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Organization,
    Issue(Id),
    Team(Id),
    State(Id),
    User(Id),
    Label(Id),
    Project(Id),
    Attachment(Id),
}

impl Item {
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Item::Organization => "Organization",
            Item::Issue(_) => "Issue",
            Item::Team(_) => "Team",
            Item::State(_) => "WorkflowState",
            Item::User(_) => "User",
            Item::Label(_) => "IssueLabel",
            Item::Project(_) => "Project",
            Item::Attachment(_) => "Attachment",
        }
    }

    /// Returns the id, which is the cursor in lists, too.
    pub(crate) fn id(self) -> Id {
        match self {
            // The organisation is not part of any list.
            Item::Organization => Id::NIL,
            Item::Issue(id)
            | Item::Team(id)
            | Item::State(id)
            | Item::User(id)
            | Item::Label(id)
            | Item::Project(id)
            | Item::Attachment(id) => id,
        }
    }
}

/// The type of a list's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Items(&'static str),
    /// Issues that a search found.
    Found,
}

impl Of {
    pub(super) fn node(self, item: Item) -> Node {
        match (self, item) {
            (Of::Found, Item::Issue(id)) => Node::Found(id),
            _ => Node::Item(item),
        }
    }
}

/// An object whose fields can be selected.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Root,
    Item(Item),
    /// An issue as the result of a search.
    Found(Id),
    Page(Arc<Page>),
    Edge(Of, Item),
    PageInfo(Arc<Page>),
    /// The result of a mutation, and other plain objects: the name of the type and the fields.
    Payload(&'static str, Vec<(&'static str, Out)>),
}

impl Node {
    pub(crate) fn type_name(&self) -> String {
        match self {
            Node::Root => "Query".to_owned(),
            Node::Item(item) => item.type_name().to_owned(),
            Node::Found(_) => "IssueSearchResult".to_owned(),
            Node::Page(page) => match page.of {
                Of::Items(name) => format!("{name}Connection"),
                Of::Found => "IssueSearchPayload".to_owned(),
            },
            Node::Edge(Of::Items(name), _) => format!("{name}Edge"),
            Node::Edge(Of::Found, _) => "IssueSearchResultEdge".to_owned(),
            Node::PageInfo(_) => "PageInfo".to_owned(),
            Node::Payload(name, _) => (*name).to_owned(),
        }
    }
}

/// The value of a field.
#[derive(Debug, Clone)]
pub(crate) enum Out {
    Null,
    Flag(bool),
    Number(f64),
    Text(String),
    Texts(Vec<String>),
    Json(Value),
    One(Node),
    Many(Vec<Node>),
}

impl Out {
    pub(crate) fn text(text: impl Into<String>) -> Out {
        Out::Text(text.into())
    }

    pub(crate) fn maybe(text: Option<&str>) -> Out {
        text.map_or(Out::Null, Out::text)
    }

    /// Returns a time; null if there is none.
    pub(crate) fn time(millis: Option<i64>) -> Out {
        millis.map_or(Out::Null, |millis| Out::Text(super::super::scalars::stamp(millis)))
    }

    pub(crate) fn count(count: usize) -> Out {
        Out::Number(count as f64)
    }

    pub(crate) fn item(item: Item) -> Out {
        Out::One(Node::Item(item))
    }

    /// Returns a record; null if there is none.
    pub(crate) fn link<T>(id: Option<T>, item: impl Fn(T) -> Item) -> Out {
        id.map_or(Out::Null, |id| Out::item(item(id)))
    }
}
