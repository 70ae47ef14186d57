//! Writes to the items of a place, and their outcomes.

use std::collections::BTreeMap;

use super::ConnectorError;
use crate::{
    Item, Side,
    capability::Removal,
    hash::Hash,
    value::{Fields, Value},
};

/// Identifies a create, so that it can be found again. Derived from the item that is copied, never from a counter,
/// which a restored backup would repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// `sl-` and 26 characters of `a-z2-7`; may serve as an id if the platform accepts one.
    pub text: String,
    /// The id that the create requests, if a mapped field is the key.
    pub id: Option<String>,
}

impl Marker {
    /// Returns the marker of the item that the origin (a side's name and an id, with the sync they belong to) becomes
    /// on the other side. The same origin always has the same marker.
    pub fn derive(sync: &str, entity_type: &str, origin_side: Side, origin_id: &str) -> Marker {
        let parts = [sync, entity_type, origin_side.as_str(), origin_id];
        let mut bytes = b"syncline marker 1".to_vec();
        for part in parts {
            // Lengths first: ("ab", "c") and ("a", "bc") are different origins.
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part.as_bytes());
        }
        Marker { text: format!("sl-{}", base32(&Hash::of_bytes(&bytes).0)), id: None }
    }
}

fn base32(bytes: &[u8; 16]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let number = u128::from_be_bytes(*bytes);
    // The index is a five-bit number, so it is below 32.
    (0..26).map(|place| char::from(ALPHABET[((number >> (place * 5)) & 31) as usize])).collect()
}

/// One write to one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The operation and its fields.
    pub op: WriteOp,
    /// The field values just read that the write relies on: a connector with [`Fields`] control refuses the write, as
    /// [`ErrorKind::Conflict`](super::ErrorKind::Conflict), if the item no longer has them.
    ///
    /// [`Fields`]: crate::capability::ConcurrencyControl::Fields
    pub expected: Fields,
    /// The version just read, for connectors with version control.
    pub version: Option<String>,
}

/// The operation of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteOp {
    /// Creates an item. With `marker.id` the item must get that id. If an item with the marker (or with an id derived
    /// from it) already exists, it is returned as it is, so that creating twice makes one item. An item that has the
    /// requested id without being ours is refused as [`ErrorKind::Conflict`](super::ErrorKind::Conflict).
    Create {
        /// Finds the item again after a crash.
        marker: Marker,
        /// All fields to set.
        fields: Fields,
    },
    /// Sets some fields of an item and leaves the others alone.
    Update {
        /// The platform's id of the item.
        id: String,
        /// The fields to set.
        fields: Fields,
    },
    /// Removes an item. Succeeds if the item is already gone, or closed or archived in the way asked for.
    Remove {
        /// The platform's id of the item.
        id: String,
        /// One of the ways that the place declares.
        how: Removal,
    },
}

/// What became of one write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Applied, at least in part.
    Done(Done),
    /// Certainly not applied.
    Refused(ConnectorError),
    /// Sent, and no answer tells whether it was applied.
    Unknown(ConnectorError),
    /// The call stopped before this write, for the reason given.
    NotSent(ConnectorError),
}

/// A write that was applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// The item as the platform has it now (after a delete: as it was, or with `deleted` set). None: the platform
    /// returned nothing.
    pub item: Option<Item>,
    /// Fields that were not written, with the reason; the others are. One whose error [passes](ConnectorError::passes) is
    /// written again by the next run; any other is refused, and a person decides.
    pub left_out: Vec<(String, ConnectorError)>,
    /// Values that left out fields got on the way: a status that takes several transitions was led through some of them.
    pub halfway: Fields,
    /// Values that others had given written fields since they were read: the write has overwritten them. Only a platform
    /// that keeps a history tells.
    pub overwritten: Fields,
}

impl Done {
    /// The fields that are to be written again, each with its reason.
    pub fn due(&self) -> impl Iterator<Item = &(String, ConnectorError)> {
        self.left_out.iter().filter(|(_, error)| error.passes())
    }
}

impl Written {
    /// A write that the platform answered with the item.
    pub fn item(item: Item) -> Written {
        Written::done(Some(item), Vec::new())
    }

    /// A write that was applied, without the fields that are left out.
    pub fn done(item: Option<Item>, left_out: Vec<(String, ConnectorError)>) -> Written {
        Written::Done(Done { item, left_out, ..Done::default() })
    }

    /// The error after which nothing more is sent in the call; none if the other writes are tried.
    pub fn stopper(&self) -> Option<&ConnectorError> {
        match self {
            Written::Done(done) => {
                done.left_out.iter().map(|(_, error)| error).find(|error| error.stops_the_batch())
            }
            Written::NotSent(error) => Some(error),
            Written::Refused(error) | Written::Unknown(error) => Some(error).filter(|e| e.stops_the_batch()),
        }
    }

    /// True if the write was applied, at least in part.
    pub fn is_done(&self) -> bool {
        matches!(self, Written::Done(_))
    }

    /// The error of a write that was not applied, or whose outcome is unknown.
    pub fn error(&self) -> Option<&ConnectorError> {
        match self {
            Written::Done(_) => None,
            Written::Refused(error) | Written::Unknown(error) | Written::NotSent(error) => Some(error),
        }
    }
}

impl From<Result<Item, ConnectorError>> for Written {
    /// For a platform that applies a write whole, or certainly not.
    fn from(result: Result<Item, ConnectorError>) -> Self {
        result.map_or_else(Written::Refused, Written::item)
    }
}

/// Returns the values of `expected` that an item no longer has: (field, expected, found).
pub fn changed_since_read<'a>(
    expected: &'a Fields,
    found: &'a Fields,
) -> BTreeMap<&'a str, (&'a Value, &'a Value)> {
    expected
        .iter()
        .filter_map(|(name, value)| {
            let now = found.get(name).unwrap_or(&Value::Null);
            (!value.same(now)).then_some((name.as_str(), (value, now)))
        })
        .collect()
}
