//! What a platform says it can do. Plain data: engine, API and tests read it, and none of them asks for a name.

use std::time::Duration;

use serde::Serialize;

/// What a connector can do for one configured place (a table, a file, a project).
#[derive(Debug, Clone, Serialize)]
pub struct Capabilities {
    /// The platform's name, as in `source_platform`.
    pub platform: &'static str,
    /// Entity types it holds; empty means any name will do.
    pub entity_types: &'static [&'static str],
    /// The field that is the item's id, where it can be mapped like any other (a table's or a file's key column).
    pub key_field: Option<String>,
    /// It can list only what changed since a cursor.
    pub incremental: bool,
    /// Items state when they were last modified.
    pub modified_times: bool,
    /// How far back an incremental read must reach before its high water, because times are coarse or rows appear late.
    pub overlap: Duration,
    /// Items in one page of a listing or a fetch.
    pub page_size: usize,
    /// Writes taken in one call.
    pub write_batch: usize,
    /// Fewer, larger write calls are much cheaper (a file is rewritten whole).
    pub prefers_large_batches: bool,
    /// What makes a create safe to repeat.
    pub create_idempotency: CreateIdempotency,
    /// How long after a create its marker may still be invisible to a probe.
    pub marker_visible_after: Duration,
    /// How it tells that an item is gone.
    pub delete_evidence: DeleteEvidence,
    /// How a write is kept from overwriting an edit made since the read.
    pub concurrency: ConcurrencyControl,
    /// Which delete policies it can carry out, besides `ignore`.
    pub removals: &'static [Removal],
    /// A call crosses a network and counts against somebody's limit.
    pub remote: bool,
}

/// What makes a create safe to repeat after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateIdempotency {
    /// The id is chosen by us or given by the item itself: creating twice is refused by the platform.
    Native,
    /// The item carries a marker that can be searched for.
    Marker,
    /// Nothing: an unanswered create is left for a person.
    None,
}

/// How a platform tells that an item is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeleteEvidence {
    /// It is absent from a complete listing.
    CompleteListing,
    /// Deleted items are listed as such.
    Tombstones,
    /// It does not.
    None,
}

/// How a write is kept from overwriting an edit made since the read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrencyControl {
    /// The platform compares the old values, field by field, as it writes.
    Fields,
    /// The platform compares a version or ETag.
    Version,
    /// It cannot; we re-read just before.
    None,
}

/// A way to take an item away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// Set its status to a closed one.
    Close,
    /// Put it in the platform's archive.
    Archive,
    /// Delete it.
    Delete,
}
