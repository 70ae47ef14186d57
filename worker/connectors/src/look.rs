//! Describes a place before a scope names its key: for the first draft of a document.

use serde_json::{Map, Value as Json};
use syncline_engine::spec::FieldType;

/// The description of a place.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// In the order of the place.
    pub columns: Vec<LookColumn>,
    /// Columns that can identify a row, the likeliest first.
    pub keys: Vec<String>,
    /// Keys that the scope needs besides those that name the place.
    pub scope: Map<String, Json>,
}

#[derive(Debug, Clone)]
pub struct LookColumn {
    pub name: String,
    /// The type of its values; text if the place declares none.
    pub field_type: FieldType,
    /// False if the database computes the value.
    pub writable: bool,
}
