//! One record of a platform, in the common form.

use crate::value::{Fields, Instant, Value};

/// One record of a platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The platform's own identifier: what links are made of.
    pub id: String,
    /// The name people use for it (`PROJ-12`), where it differs from the id.
    pub key: Option<String>,
    /// Where a person can look at it.
    pub url: Option<String>,
    /// The fields as the platform gave them.
    pub fields: Fields,
    /// When the platform says it was last changed.
    pub modified: Option<Instant>,
    /// Why the time of its last change cannot be read, where there is something that should be one.
    pub unread: Option<String>,
    /// The platform's version number or ETag.
    pub version: Option<String>,
    /// The platform says that this record is deleted (a tombstone).
    pub deleted: bool,
}

impl Item {
    /// An item with an id and fields and nothing else known of it.
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
        }
    }

    /// Roughly the bytes of memory that its fields take.
    pub fn weight(&self) -> usize {
        weight_of(&self.fields)
    }
}

/// An entry of a map takes about this much besides its text.
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
