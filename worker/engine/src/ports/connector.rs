//! The contract of a connector: one configured place on one platform.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Leave, Stopped};
use crate::{
    Item, Side,
    capability::Capabilities,
    hash::Hash,
    value::{Fields, Value},
};

/// Where an incremental read continues; opaque to the engine, JSON so that it can be stored.
pub type Cursor = serde_json::Value;

/// Reads and writes the items of one configured place.
///
/// A connector keeps no state of the sync and retries nothing: it reports what happened, and the engine decides.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What this place can do. Must not change during a run.
    fn capabilities(&self) -> &Capabilities;

    /// Returns the fields of the items here, for checking mappings. An empty list means that any name is accepted.
    async fn fields(&self) -> Result<Vec<FieldInfo>, ConnectorError>;

    /// Starts reading items. [`ReadMode::Since`] is only asked of connectors that declare `incremental`.
    async fn list(&self, mode: ReadMode) -> Result<Box<dyn Listing>, ConnectorError>;

    /// Returns the items with these ids, in any order, without those that do not exist. At most `page_size` ids.
    async fn fetch(&self, ids: &[String]) -> Result<Vec<Item>, ConnectorError>;

    /// Looks for items created with these markers; returns them in the same order. Called only after a crash, before a
    /// create is sent again. `marker.id` is the id that the create requested, if any.
    async fn probe(&self, markers: &[Marker]) -> Result<Vec<Option<Item>>, ConnectorError>;

    /// Returns the canonical form of an id: two ids with the same form name one item. Pure.
    fn canonical_id(&self, id: &str) -> String {
        id.to_owned()
    }

    /// True if [`canonical_id`](Connector::canonical_id) may map several ids to one.
    fn respells_keys(&self) -> bool {
        false
    }

    /// Ok if the field can be written with this value; an error names the field, the value and the remedy. Pure. What
    /// only the platform can check is left to the write.
    fn accepts(&self, _field: &str, _value: &Value) -> Result<(), String> {
        Ok(())
    }

    /// True if a new item must be given this field even if it is blank. Pure.
    fn needs(&self, _field: &str) -> bool {
        false
    }

    /// Ok if an item can be created with just these fields; an error names what is missing. Pure.
    fn creates(&self, _fields: &[&str]) -> Result<(), String> {
        Ok(())
    }

    /// Writes, and returns one result per write in the same order: the item as the platform now has it, or why this
    /// write was refused. A refused write does not affect the others. An error of the whole call means that none is
    /// known to be written.
    ///
    /// Must check `context.leave` immediately before the effect.
    async fn write(
        &self,
        writes: &[Write],
        context: &WriteContext<'_>,
    ) -> Result<Vec<WriteResult>, ConnectorError>;
}

/// What a listing returns.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadMode {
    /// Every item of the place.
    Full,
    /// The items changed since the cursor of an earlier listing.
    Since(Cursor),
}

/// A listing, read page by page.
#[async_trait]
pub trait Listing: Send {
    /// The next page; `None` after the last one. Pages are never larger than `page_size`, and may be empty.
    async fn next_page(&mut self) -> Result<Option<Vec<Item>>, ConnectorError>;

    /// How the listing ended. Meaningful after `next_page` returned `None`.
    fn end(&self) -> ListingEnd;
}

/// How a listing ended.
#[derive(Debug, Clone, PartialEq)]
pub struct ListingEnd {
    /// Every item of the place was listed: an absence is evidence of deletion. False for incremental reads and for a
    /// place that changed while it was read.
    pub complete: bool,
    /// Where the next incremental read continues, if this connector supports incremental reads.
    pub cursor: Option<Cursor>,
    /// Calls made to the platform.
    pub calls: u64,
}

/// A field of the items of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// The name used in mappings.
    pub name: String,
    /// Its type in the platform's own words (`INTEGER`, `timestamptz`).
    pub type_name: String,
    /// False if the platform computes the value.
    pub writable: bool,
}

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
    /// [`ErrorKind::Conflict`], if the item no longer has them.
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
    /// requested id without being ours is refused as [`ErrorKind::Conflict`].
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
    /// Deletes an item. Succeeds if the item is already gone.
    Delete {
        /// The platform's id of the item.
        id: String,
    },
}

/// The item after the write (after a delete: as it was, or with `deleted` set), or why it was refused.
pub type WriteResult = Result<Item, ConnectorError>;

/// What a connector needs besides the writes.
pub struct WriteContext<'a> {
    /// Leave to write; checked immediately before the effect.
    pub leave: &'a dyn Leave,
    /// The time of this write, for columns that record one.
    pub now: DateTime<Utc>,
}

/// Why a call, or one write of it, failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// What the caller can do about it.
    pub kind: ErrorKind,
    /// What happened, for people: names the place, the field, the value and the remedy; never a secret.
    pub message: String,
}

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Retry, not before `until`.
    RateLimited {
        /// The earliest time of a retry.
        until: DateTime<Utc>,
    },
    /// Retry later: a timeout, a locked database, a full disk.
    Transient,
    /// A retry fails until a person corrects the data or the configuration.
    Permanent,
    /// Credentials are missing, wrong or expired.
    Auth,
    /// The item does not exist.
    NotFound,
    /// The item has changed since it was read; read it and decide again.
    Conflict,
    /// The run must stop.
    Stopped(Stopped),
}

impl ConnectorError {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error that only a person can correct.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// An error that a retry may clear.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// An error about an item that changed since it was read.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }
}

impl From<Stopped> for ConnectorError {
    fn from(stopped: Stopped) -> Self {
        Self::new(ErrorKind::Stopped(stopped), stopped.to_string())
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
