//! What a platform can do. Plain data: engine, API and tests read it instead of testing a platform's name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a connector can do for one configured place (a table, a file, a project).
#[derive(Debug, Clone, Serialize)]
pub struct Capabilities {
    /// As in `source_platform`.
    pub platform: &'static str,
    /// The field that is the item's id, if it can be mapped like any other field (the key column of a table or a file).
    pub key_field: Option<String>,
    /// A listing is one consistent reading by the only owner of the items, so that what it lacks is gone. Otherwise the
    /// items that a complete listing lacks are asked for by id, and a deletion needs the platform's word.
    pub snapshot: bool,
    /// Can list only what changed since a cursor.
    pub incremental: bool,
    /// Most items in one page of a listing.
    pub list_page: usize,
    /// Most items of one fetch, and most markers of one probe.
    pub fetch_batch: usize,
    /// Most creates of one write call.
    pub create_batch: usize,
    /// Most updates and removals of one write call, beside its creates.
    pub update_batch: usize,
    /// Can look for items by the values of their fields; how many keys in one call. None: a new item that may have a
    /// counterpart waits for the next whole reading.
    pub find_batch: Option<usize>,
    /// Fewer, larger write calls are much cheaper (a file is rewritten whole).
    pub prefers_large_batches: bool,
    pub create_idempotency: CreateIdempotency,
    /// How long a request whose answer did not arrive may still take effect: the platform may be working on it.
    pub request_timeout: Duration,
    /// How long after a create its marker may still be invisible to a probe.
    pub marker_visible_after: Duration,
    pub concurrency: ConcurrencyControl,
    /// Fields that a write sets after the others, or leads to their value through other ones. One that broke off may have
    /// left them in between, which is no edit.
    pub stepwise: &'static [&'static str],
    /// Keeps who changed which field of an item, and when: a write tells what it has
    /// [overwritten](crate::ports::Done::overwritten), and a successor who was the [last](crate::ports::Place::wrote).
    pub history: bool,
    /// The delete policies that it can carry out, besides `ignore`.
    pub removals: &'static [Removal],
    /// An item can get another id while it stays here; [`Found::Moved`](crate::ports::Found::Moved) then tells its new one.
    pub ids_change: bool,
    /// Each call crosses a network and counts against a platform's limit.
    pub remote: bool,
}

/// What makes a create safe to repeat after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateIdempotency {
    /// The item has an id chosen by us or found in its own fields; the platform refuses to create the same id twice.
    Native,
    /// The item carries a marker that can be searched for.
    Marker,
    /// Nothing: a create without a reply is left for a person.
    None,
}

/// How a write is kept from overwriting an edit made since the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrencyControl {
    /// The platform compares the old values field by field when it writes.
    Fields,
    /// The platform compares a version or ETag.
    Version,
    /// The platform cannot compare; the item is read again just before the write.
    None,
}

/// A way to remove an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Set the item's status to a closed one.
    Close,
    /// Move the item to the platform's archive.
    Archive,
    #[default]
    Delete,
}

impl Removal {
    /// The delete policy that asks for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Removal::Close => "close",
            Removal::Archive => "archive",
            Removal::Delete => "delete",
        }
    }

    /// What was done, for the audit trail.
    pub fn done(self) -> &'static str {
        match self {
            Removal::Close => "closed",
            Removal::Archive => "archived",
            Removal::Delete => "deleted",
        }
    }
}
