//! Conflicts between the two sides, and how they are resolved.

use serde::{Deserialize, Serialize};

use crate::{Side, Value, side::Pair, value::Instant};

/// Why the values of two sides cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both sides changed a field, differently.
    FieldMismatch,
    /// Edited on one side and deleted on the other.
    EditDelete,
    /// Both sides have a value, and no base shows which one is older.
    Timestamp,
    /// The base comes from a backup: it does not show which value is newer, or whether both are.
    OldBase,
    /// The value of one side is not of the field's mapped type, or the other side cannot store it.
    TypeMismatch,
    /// The other side wrote the item and refused this field of it.
    RefusedValue,
    /// The other side's status has no transition to the new one.
    InvalidTransition,
    /// A create was sent without a reply, and the platform offers no way to find out whether it happened.
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
            ConflictKind::RefusedValue => "refused_value",
            ConflictKind::InvalidTransition => "invalid_transition",
            ConflictKind::AmbiguousCreate => "ambiguous_create",
        }
    }
}

/// A conflict found in one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflict {
    /// The source's name of the field; none if the conflict is about the whole item.
    pub field: Option<String>,
    pub kind: ConflictKind,
    /// The last value both sides agreed on, in the source's terms.
    pub base: Value,
    pub values: Pair<Value>,
    /// When each side was modified, if the platform reports it.
    pub modified: Pair<Option<Instant>>,
    /// None while a person has to decide.
    pub resolution: Option<Resolution>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The side whose value is kept.
    pub winner: Side,
    /// The rule that decided, as text for people.
    pub reason: String,
}

/// A conflict that an earlier run left for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenConflict {
    pub id: i64,
    /// The source's name of the field; none for the whole item.
    pub field: Option<String>,
    /// As in [`ConflictKind::as_str`].
    pub kind: String,
    /// The values that were shown to the person.
    pub values: Pair<Value>,
    /// The side that a person chose; the next run applies it.
    pub chosen: Option<Side>,
}
