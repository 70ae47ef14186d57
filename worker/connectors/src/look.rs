//! What a place looks like before a scope names its key: for the first draft of a document.

use serde_json::{Map, Value as Json};
use syncline_engine::spec::FieldType;

/// What a place looks like.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// Its columns, in their order.
    pub columns: Vec<LookColumn>,
    /// Columns that can identify a row, the likeliest first.
    pub keys: Vec<String>,
    /// Keys that the scope needs beside those that name the place.
    pub scope: Map<String, Json>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct LookColumn {
    /// Its name.
    pub name: String,
    /// The type of its values; text where the place does not say.
    pub field_type: FieldType,
    /// It may be written.
    pub writable: bool,
}
