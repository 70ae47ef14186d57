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
    /// A write of this sync has overwritten an edit that was made since the item was read. The conflict shows that edit.
    LostUpdate,
    /// A create was sent without a reply, and the platform offers no way to find out whether it happened.
    AmbiguousCreate,
}

impl ConflictKind {
    const ALL: [ConflictKind; 9] = [
        ConflictKind::FieldMismatch,
        ConflictKind::EditDelete,
        ConflictKind::Timestamp,
        ConflictKind::OldBase,
        ConflictKind::TypeMismatch,
        ConflictKind::RefusedValue,
        ConflictKind::InvalidTransition,
        ConflictKind::LostUpdate,
        ConflictKind::AmbiguousCreate,
    ];

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<ConflictKind> {
        ConflictKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

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
            ConflictKind::LostUpdate => "lost_update",
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

/// What a person decided about a conflict. A strategy decides for a side.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    /// The source's value stands on both sides.
    Source,
    /// The target's value stands on both sides.
    Target,
    /// Each side gets back its own value from when the two last agreed.
    Base,
    /// Both sides get this value, which is in the source's terms.
    Value(Value),
}

impl Choice {
    /// The side whose value stands, if one of them does. Conflicts about a whole item can be decided for a side only.
    pub fn side(&self) -> Option<Side> {
        match self {
            Choice::Source => Some(Side::Source),
            Choice::Target => Some(Side::Target),
            Choice::Base | Choice::Value(_) => None,
        }
    }

    /// The name used in the database, the API and the CLI.
    pub fn as_str(&self) -> &'static str {
        match self {
            Choice::Source => "source",
            Choice::Target => "target",
            Choice::Base => "base",
            Choice::Value(_) => "value",
        }
    }
}

impl From<Side> for Choice {
    fn from(side: Side) -> Self {
        match side {
            Side::Source => Choice::Source,
            Side::Target => Choice::Target,
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// What is kept.
    pub winner: Choice,
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
    /// What a person chose when these values were shown; the next run applies it.
    pub chosen: Option<Choice>,
}

impl OpenConflict {
    /// The side that a person chose; none if they decided otherwise, or not yet.
    pub fn chosen_side(&self) -> Option<Side> {
        self.chosen.as_ref().and_then(Choice::side)
    }
}
