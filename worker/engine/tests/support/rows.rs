//! Rows of the store in memory.

use chrono::{DateTime, Utc};
use syncline_engine::{
    Side,
    conflict::{Choice, Conflict},
    hash::Hash,
    ports::{Change, Intent, ItemStatus, LinkBrief, LinkState, Names},
    side::Pair,
};

/// A link as the database has it: bases are JSON, so dates have become text.
#[derive(Clone, PartialEq)]
pub(crate) struct LinkRow {
    pub(crate) version: i64,
    pub(crate) ids: Pair<Option<String>>,
    pub(crate) base: Pair<serde_json::Value>,
    pub(crate) hash: Pair<Option<Hash>>,
    pub(crate) modified: Pair<Option<DateTime<Utc>>>,
    pub(crate) state: LinkState,
    pub(crate) deleted_side: Option<Side>,
    pub(crate) missing: Option<(Side, DateTime<Utc>)>,
    pub(crate) status: ItemStatus,
    pub(crate) error: Option<String>,
    pub(crate) error_count: u32,
    pub(crate) retry_at: Option<DateTime<Utc>>,
    pub(crate) mapping_revision: i64,
    pub(crate) intent: Option<Intent>,
    /// The run that wrote it last.
    pub(crate) run: u32,
    /// False from the intent that made it to its first record.
    pub(crate) recorded: bool,
    pub(crate) names: Pair<Names>,
    pub(crate) item_version: Pair<Option<String>>,
    pub(crate) resolution: Option<String>,
    pub(crate) calls: u32,
    pub(crate) duration_ms: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChangeRow {
    pub(crate) link: i64,
    pub(crate) change: Change,
    pub(crate) state: ChangeState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeState {
    Intended,
    Confirmed,
    NotWritten,
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConflictRow {
    pub(crate) link: i64,
    pub(crate) conflict: Conflict,
    pub(crate) open: bool,
    pub(crate) chosen: Option<Choice>,
    pub(crate) occurrences: u32,
}

impl LinkRow {
    pub(super) fn brief(&self, id: i64) -> LinkBrief {
        // Unfinished without a time: due at once.
        let unfinished = !self.recorded || self.status == ItemStatus::Failed;
        LinkBrief {
            id,
            ids: self.ids.clone(),
            hash: self.hash,
            tombstone: self.state == LinkState::Tombstone,
            out_of_scope: self.state == LinkState::OutOfScope,
            retry_at: self.retry_at.or_else(|| unfinished.then_some(DateTime::UNIX_EPOCH)),
            missing: self.missing.map(|(side, _)| side),
            unanswered: self.state == LinkState::Pending && self.status == ItemStatus::Conflict,
            mapping_revision: self.mapping_revision,
        }
    }
}
