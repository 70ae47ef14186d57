//! The kinds of conflict.

use serde::{Deserialize, Serialize};

use crate::{Side, Value, side::Pair, value::Instant};

/// Why two sides cannot simply both be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both sides changed a field, differently.
    FieldMismatch,
    /// Edited on one side and deleted on the other.
    EditDelete,
    /// Both have a value, and there is no base that says which one is older.
    Timestamp,
    /// The base came from a backup: it does not tell whose value is newer, nor whether both are.
    OldBase,
    /// The value of one side is not of the type the field is mapped as, or is one that the other side cannot take.
    TypeMismatch,
    /// The status cannot move where the other side has moved it.
    InvalidTransition,
    /// A create was sent, nothing answered, and the platform offers no way to find out.
    AmbiguousCreate,
}

impl ConflictKind {
    /// The name used in the database, the API and the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            ConflictKind::FieldMismatch => "field_mismatch",
            ConflictKind::EditDelete => "edit_delete",
            ConflictKind::Timestamp => "timestamp",
            ConflictKind::OldBase => "old_base",
            ConflictKind::TypeMismatch => "type_mismatch",
            ConflictKind::InvalidTransition => "invalid_transition",
            ConflictKind::AmbiguousCreate => "ambiguous_create",
        }
    }
}

/// A conflict as found in one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The source's name of the field; none when it is about the whole item.
    pub field: Option<String>,
    /// What kind.
    pub kind: ConflictKind,
    /// The last value both sides agreed on, in the source's terms.
    pub base: Value,
    /// The values now.
    pub values: Pair<Value>,
    /// When each side was modified, where the platform says so.
    pub modified: Pair<Option<Instant>>,
    /// How it was resolved; none while a person has to decide.
    pub resolution: Option<Resolution>,
}

/// How a conflict was resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// Whose value stands.
    pub winner: Side,
    /// By which rule, for people.
    pub reason: String,
}

/// A conflict that an earlier run left for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenConflict {
    /// Its row.
    pub id: i64,
    /// The source's name of the field; none for the whole item.
    pub field: Option<String>,
    /// What kind.
    pub kind: String,
    /// The values that were shown.
    pub values: Pair<Value>,
    /// The side that a person chose, to be applied by the next run.
    pub chosen: Option<Side>,
}
