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

/// Where an incremental read goes on; opaque to the engine, JSON so that it can be stored.
pub type Cursor = serde_json::Value;

/// Reads and writes the items of one configured place.
///
/// A connector holds no state of the sync and retries nothing: it answers what happened, and the engine decides.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What this place can do. Must not change during a run.
    fn capabilities(&self) -> &Capabilities;

    /// The fields that items have here, for checking mappings. An empty list means that any name is accepted.
    async fn fields(&self) -> Result<Vec<FieldInfo>, ConnectorError>;

    /// Starts reading items. [`ReadMode::Since`] is only asked of connectors that declare `incremental`.
    async fn list(&self, mode: ReadMode) -> Result<Box<dyn Listing>, ConnectorError>;

    /// The items with these ids, in any order; those that do not exist are left out. At most `page_size` ids.
    async fn fetch(&self, ids: &[String]) -> Result<Vec<Item>, ConnectorError>;

    /// Looks for items created with these markers; answers in the same order. Asked only after a crash, before a create
    /// is sent again. `marker.id` is the id that the create asked for, if it did.
    async fn probe(&self, markers: &[Marker]) -> Result<Vec<Option<Item>>, ConnectorError>;

    /// The form that all spellings of an id have in common here: two ids with the same form name one item. Pure.
    fn canonical_id(&self, id: &str) -> String {
        id.to_owned()
    }

    /// Whether [`canonical_id`](Connector::canonical_id) makes one id of several.
    fn respells_keys(&self) -> bool {
        false
    }

    /// Whether a field can be written with this value; an error names the field, the value and the remedy. Pure. What
    /// only the platform can tell is left to the write.
    fn accepts(&self, _field: &str, _value: &Value) -> Result<(), String> {
        Ok(())
    }

    /// Whether a new item must be given this field even where it is blank. Pure.
    fn needs(&self, _field: &str) -> bool {
        false
    }

    /// Whether an item can be created with these fields and no others; an error names what is missing. Pure.
    fn creates(&self, _fields: &[&str]) -> Result<(), String> {
        Ok(())
    }

    /// Writes, one result for each write in the same order: the item as the platform now has it, or why this one was
    /// refused. One refused item leaves the others written. An error of the whole call means that none is known to be
    /// written.
    ///
    /// `context.leave` is asked immediately before the effect.
    async fn write(
        &self,
        writes: &[Write],
        context: &WriteContext<'_>,
    ) -> Result<Vec<WriteResult>, ConnectorError>;
}

/// What a listing should hold.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadMode {
    /// Every item.
    Full,
    /// The items changed since a cursor that an earlier listing ended with.
    Since(Cursor),
}

/// Items arriving page by page.
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
    /// Every item of the place was listed: absence is evidence of deletion. False for incremental reads and for a place
    /// that changed while it was read.
    pub complete: bool,
    /// Where the next incremental read goes on, if this connector has incremental reads.
    pub cursor: Option<Cursor>,
    /// Calls that were made.
    pub calls: u64,
}

/// A field that items have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// Its type in the platform's own words (`INTEGER`, `timestamptz`).
    pub type_name: String,
    /// It may be written.
    pub writable: bool,
}

/// Identifies a create, so that it can be found again: derived from what is created, never from a counter that a restored
/// backup would repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// `sl-` and 26 characters of `a-z2-7`; may serve as an id where the platform lets us choose.
    pub text: String,
    /// The id that the create asks for, where a mapped field is the key.
    pub id: Option<String>,
}

impl Marker {
    /// The marker of the item that `origin` (a side's name and an id, with the sync they belong to) becomes on the other
    /// side. The same origin always has the same marker.
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
    // The index is a number of five bits, so it is below 32.
    (0..26).map(|place| char::from(ALPHABET[((number >> (place * 5)) & 31) as usize])).collect()
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// What to do.
    pub op: WriteOp,
    /// The field values just read that the write relies on: a connector with [`Fields`] control refuses the write, as
    /// [`ErrorKind::Conflict`], when the item no longer has them.
    ///
    /// [`Fields`]: crate::capability::ConcurrencyControl::Fields
    pub expected: Fields,
    /// The version just read, for connectors with version control.
    pub version: Option<String>,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq)]
pub enum WriteOp {
    /// Makes a new item. With `marker.id` the item must get that id. If an item with the marker (or with an id derived
    /// from it) is already there, it is returned as it is: creating twice makes one item. An item that has the asked id
    /// without being ours is refused as [`ErrorKind::Conflict`].
    Create {
        /// What the create can be found again by.
        marker: Marker,
        /// All fields to set.
        fields: Fields,
    },
    /// Sets some fields of an item and leaves the others alone.
    Update {
        /// The item.
        id: String,
        /// The fields to set.
        fields: Fields,
    },
    /// Deletes an item. One that is already gone is a success.
    Delete {
        /// The item.
        id: String,
    },
}

/// The item after the write (after a delete: as it was, or with `deleted` set), or why it was refused.
pub type WriteResult = Result<Item, ConnectorError>;

/// What a write may need to know.
pub struct WriteContext<'a> {
    /// Leave to write; asked immediately before the effect.
    pub leave: &'a dyn Leave,
    /// The time of this write, for columns that record one.
    pub now: DateTime<Utc>,
}

/// Why a call, or one write of it, did not succeed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// What a caller can do about it.
    pub kind: ErrorKind,
    /// What happened, for people: names the place, the field, the value and the remedy; never a secret.
    pub message: String,
}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try again, not before this time.
    RateLimited {
        /// When.
        until: DateTime<Utc>,
    },
    /// Try again later: a time-out, a locked database, a full disk.
    Transient,
    /// Trying again changes nothing until somebody mends the data or the configuration.
    Permanent,
    /// Credentials are missing, wrong or expired.
    Auth,
    /// The item is not there.
    NotFound,
    /// The item is no longer as it was read; read again and decide again.
    Conflict,
    /// The run must stop.
    Stopped(Stopped),
}

impl ConnectorError {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// An error that only a person can mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// An error that may pass.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// An item that changed since it was read.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }
}

impl From<Stopped> for ConnectorError {
    fn from(stopped: Stopped) -> Self {
        Self::new(ErrorKind::Stopped(stopped), stopped.to_string())
    }
}

/// The values of `expected` that an item no longer has: (field, expected, found).
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
