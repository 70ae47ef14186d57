//! The contract of a place.

use async_trait::async_trait;

use super::{Call, ConnectorError, Marker, Write, Written};
use crate::{
    Item,
    capability::Capabilities,
    spec::Category,
    value::{Fields, Value},
};

/// Where an incremental read continues; opaque to the engine, JSON so that it can be stored.
pub type Cursor = serde_json::Value;

/// Where a listing that was broken off goes on; opaque to the engine, JSON so that it can be stored.
pub type Position = serde_json::Value;

/// One opened container of one entity type on a platform: a file, a table, the issues of a repository.
///
/// A place keeps no state of the sync and retries nothing: it reports what happened, and the engine decides.
#[async_trait]
pub trait Place: Send + Sync {
    /// What this place can do. Must not change during a run.
    fn capabilities(&self) -> &Capabilities;

    /// Returns the fields of the items here, for checking mappings. An empty list means that any name is accepted.
    async fn fields(&self, call: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError>;

    /// The statuses that a field of the items can have in this place, each with its category, the preferred one of a
    /// category first; none if it has no others than [its platform](crate::mapping::Mapping::set_statuses). Asked for each
    /// field that is mapped as a status, and only by a run that plans something: a place whose statuses take a request keeps
    /// them for some minutes.
    async fn statuses(
        &self,
        _field: &str,
        _call: &Call<'_>,
    ) -> Result<Vec<(String, Category)>, ConnectorError> {
        Ok(Vec::new())
    }

    /// Checks with the platform that this account may still read the place, and returns who it is, by an id that another
    /// account does not have; none for places without accounts. Asked after a complete listing: one that another account
    /// read, or none, tells nothing about what it lacks.
    async fn reader(&self, _call: &Call<'_>) -> Result<Option<String>, ConnectorError> {
        Ok(None)
    }

    /// True if everyone may read the items; none if the place cannot tell. Asked by a run of two remote places before it
    /// writes, and after a complete listing.
    async fn is_public(&self, _call: &Call<'_>) -> Result<Option<bool>, ConnectorError> {
        Ok(None)
    }

    /// Starts reading items, or goes on from a [position](Listing::position) of an earlier listing in the same mode.
    /// [`ReadMode::Since`] is only asked of places that declare `incremental`.
    async fn list(
        &self,
        mode: ReadMode,
        from: Option<Position>,
        call: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError>;

    /// Reads items by id, at most `fetch_batch` of them. Returns one answer per id, in any order; an id without an answer
    /// counts as [`Found::NotVisible`].
    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)>;

    /// Looks for items by the values of their fields, at most `find_batch` keys. Returns one answer per key, in the same
    /// order. The engine compares the values again, so a fuzzy search may return too much. Called only where `find_batch`
    /// is declared.
    async fn find(&self, keys: &[MatchKey], _call: &Call<'_>) -> Result<Vec<Candidates>, ConnectorError> {
        Ok(vec![Candidates { items: Vec::new(), complete: false }; keys.len()])
    }

    /// Looks for items created with these markers; returns one answer per marker, in the same order. Called only after
    /// a crash or a restore, before a create is sent again. `marker.id` is the id that the create requested, if any.
    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError>;

    /// True if the last change of a field was made by this account, by the platform's history. Asked only where `history`
    /// is declared, after a crash, for fields that are [written in steps](crate::capability::Capabilities::stepwise).
    async fn wrote(&self, _id: &str, _field: &str, _call: &Call<'_>) -> Result<bool, ConnectorError> {
        Ok(false)
    }

    /// Returns the canonical form of an id: two ids with the same form name one item. Pure.
    fn canonical_id(&self, id: &str) -> String {
        id.to_owned()
    }

    /// True if [`canonical_id`](Place::canonical_id) may map several ids to one.
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

    /// Writes, and returns one outcome per write, in the same order. A refused write does not affect the others.
    ///
    /// Must check `call.leave` immediately before each effect.
    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written>;
}

/// What is known about an item that was asked for by id.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// It is here.
    Item(Item),
    /// It is here under another id.
    Moved {
        /// The new id.
        id: String,
        /// The item.
        item: Item,
    },
    /// The platform says that it was deleted, or a place of snapshots does not have it.
    Gone,
    /// The platform does not show it: deleted, moved, or hidden from this account (a plain 404).
    NotVisible,
    /// It exists outside what this place lists.
    OutOfScope,
}

/// What a probe for a marker found.
#[derive(Debug, Clone, PartialEq)]
pub enum Probed {
    /// The item that carries the marker.
    Found(Item),
    /// No item carries it.
    Absent,
    /// This place offers no way to look.
    CannotTell,
}

/// What a listing returns.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadMode {
    /// Every item of the place.
    Full,
    /// The items changed since the cursor of an earlier listing.
    Since(Cursor),
}

/// The values by which an item is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchKey {
    /// Values in the place's own terms, by its names of the fields. None is blank.
    pub fields: Fields,
}

/// What a place found for a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidates {
    /// Items that may have these values.
    pub items: Vec<Item>,
    /// False if there may be further ones: the answer was cut, or the search timed out.
    pub complete: bool,
}

/// A listing, read page by page.
#[async_trait]
pub trait Listing: Send {
    /// The next page; `None` after the last one. Pages are never larger than `list_page`, and may be empty.
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError>;

    /// Where a later listing goes on after the pages returned so far, with every item that they lacked; also after an
    /// error. It contains what the cursor at the end needs to know of the first part. None: it must begin anew. A place
    /// that does not know a position any more answers [`ErrorKind::Conflict`](super::ErrorKind::Conflict).
    fn position(&self) -> Option<Position> {
        None
    }

    /// How the listing ended. Meaningful after `next_page` returned `None`.
    fn end(&self) -> ListingEnd;
}

/// How a listing ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListingEnd {
    /// Every item of the place was listed: an absence is evidence of deletion. False for incremental reads and for a
    /// place that changed while it was read.
    pub complete: bool,
    /// Where the next incremental read continues, if this connector supports incremental reads.
    pub cursor: Option<Cursor>,
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
