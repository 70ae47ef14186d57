//! One record of a platform, in the common form.

use crate::value::{Fields, Instant, Value};

/// One record of a platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The platform's own identifier, used in links.
    pub id: String,
    /// The name people use for it (`PROJ-12`), if it differs from the id.
    pub key: Option<String>,
    /// A web page that shows the item.
    pub url: Option<String>,
    /// The fields as read from the platform, not yet typed.
    pub fields: Fields,
    /// The last change, by the platform's clock.
    pub modified: Option<Instant>,
    /// Why the time of the last change cannot be parsed, if there is one.
    pub unread: Option<String>,
    /// The platform's version number or ETag.
    pub version: Option<String>,
    /// The platform lists this record as deleted (a tombstone).
    pub deleted: bool,
    /// The platform lists this record as changed, and the place does not take it (any more): a filter of the scope leaves
    /// it out. Only its id counts.
    pub out_of_scope: bool,
}

impl Item {
    /// An item with an id and fields; everything else is unknown.
    pub fn new(id: impl Into<String>, fields: Fields) -> Self {
        Self {
            id: id.into(),
            key: None,
            url: None,
            fields,
            modified: None,
            unread: None,
            version: None,
            deleted: false,
            out_of_scope: false,
        }
    }

    /// An item that left the place.
    pub fn outside(id: impl Into<String>) -> Self {
        Self { out_of_scope: true, ..Self::new(id, Fields::new()) }
    }

    /// Approximate bytes of memory that its fields take.
    pub fn weight(&self) -> usize {
        weight_of(&self.fields)
    }
}

/// Approximate size of a map entry besides its text.
const ENTRY: usize = 96;

fn weight_of(fields: &Fields) -> usize {
    fields.iter().map(|(name, value)| ENTRY + name.len() + text_of(value)).sum()
}

fn text_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(values) => values.iter().map(|value| ENTRY / 2 + text_of(value)).sum(),
        Value::Object(fields) => weight_of(fields),
        _ => 0,
    }
}
