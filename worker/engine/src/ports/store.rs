//! The contract of the store: links, their bases, intents, conflicts and cursors.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Cursor, Position, Stopped};
use crate::{
    Side, Value,
    capability::Removal,
    conflict::{Conflict, OpenConflict},
    hash::Hash,
    side::Pair,
    value::Fields,
};

/// Keeps the links of one sync for one run.
///
/// Every writing call is one transaction that first checks the run's fence: for a worker whose run was taken over or
/// is over it returns [`StoreError::Stopped`]. Reads check no fence.
///
/// `tests/contract` holds the cases that every store has to pass.
#[async_trait]
pub trait Store: Send + Sync {
    /// Counts the sync's links and those that are due, in one statement that costs a fraction of reading them in brief.
    async fn tally(&self, due: &Due) -> Result<Tally, StoreError>;

    /// Returns the next links by id, at most `limit`, in brief: enough to see what changed. One statement.
    async fn briefs(&self, after: i64, limit: usize) -> Result<Vec<LinkBrief>, StoreError>;

    /// Returns the links with these ids, whole and in any order. Ids that this sync has no link for are left out.
    async fn links(&self, ids: &[i64]) -> Result<Vec<Link>, StoreError>;

    /// Returns the links with a write that was begun and whose outcome is not recorded, in any order, whichever run began
    /// it.
    async fn open_intents(&self) -> Result<Vec<i64>, StoreError>;

    /// Returns those of these links whose open intent belongs to another run that is not over. Its sender may be alive.
    async fn live_intents(&self, links: &[i64]) -> Result<Vec<i64>, StoreError>;

    /// Moves the deadline of all open intents of this run, those of its earlier attempts included: later after the lease
    /// was renewed, or to the present when the run ends in order and sends nothing more. Versions stay. Intents of other
    /// runs stay as they are.
    async fn move_deadline(&self, to: DateTime<Utc>) -> Result<(), StoreError>;

    /// The time by the store's own clock, which all runs share. Deadlines are compared with it.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Commits what is about to be written, before it is: new links are inserted as pending, change rows become `intended`.
    /// Returns the links' ids and new versions in the order of the batch. A link that is not at the version given, or
    /// stands in the batch twice, is [`StoreError::Outdated`] for the whole batch. A link has one open intent at most: it
    /// is recorded before the next one is committed.
    async fn intend(&self, batch: &[Intended]) -> Result<Vec<LinkRef>, StoreError>;

    /// Commits the results of the writes: each change row gets its verdict, bases advance, conflicts open and close, the intents
    /// end. Versions are compared as in [`intend`](Store::intend).
    ///
    /// No row leaves the chain of a link's changes, whatever the verdicts: it verifies before and afterwards.
    ///
    /// An item belongs to one link of a sync. An ended link leaves its id to a living link that is new or whose write was
    /// answered with that id, also within one batch; its only id is marked as ended instead. Any other link with the id
    /// of another one is [`StoreError::Database`].
    async fn record(&self, batch: &[Recorded]) -> Result<(), StoreError>;

    /// Returns where the incremental reads of a side go on; none before the first were saved.
    async fn cursor(&self, side: Side) -> Result<Option<CursorState>, StoreError>;

    /// Saves the cursors of sides that were read to their end. Sides that are not named keep theirs.
    async fn save_cursors(&self, cursors: &[(Side, CursorState)]) -> Result<(), StoreError>;

    /// Returns the listing of a side that was broken off; none if the last one came to its end.
    async fn listing(&self, side: Side) -> Result<Option<BrokenListing>, StoreError>;

    /// Saves where a listing of a side was broken off; none forgets it.
    async fn save_listing(&self, side: Side, listing: Option<&BrokenListing>) -> Result<(), StoreError>;

    /// Keeps who may read the sides: whether everyone may, none where the place does not tell. Fails with
    /// [`StoreError::Paused`] if the sync has come to copy what only some may read to where everyone may.
    async fn admit_audience(&self, public: Pair<Option<bool>>) -> Result<(), StoreError>;

    /// Returns how many items the other runs of this sync have removed since then, without those that an operator had
    /// approved.
    async fn removed_since(&self, since: DateTime<Utc>) -> Result<u64, StoreError>;
}

/// Why the store did not do what was asked. Nothing of the call was kept. Of several reasons [`StoreError::Stopped`] is
/// told first, and the others in any order.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// This run must stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Another run changed one of the links meanwhile; read again.
    #[error("another run changed a link of this batch meanwhile")]
    Outdated,
    /// A newer version of the program began a write that this one cannot read, and so cannot find out about.
    #[error(
        "link {link}: a newer version began a write that this one cannot read ({error}); the run waits for one"
    )]
    Newer {
        /// The link.
        link: i64,
        /// What is wrong with the stored write, for this version.
        error: String,
    },
    /// The sync was paused, for this reason.
    #[error("{0}")]
    Paused(String),
    /// The database.
    #[error("Syncline's database: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Which links are due although neither of their items changed.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Links that wait for a retry until this time; all that wait, if none.
    pub by: Option<DateTime<Utc>>,
    /// Links that were merged with another revision of the mapping than this one.
    pub mapping_revision: i64,
}

impl Due {
    /// True if a run processes the link: a retry is due, its mapping changed, or an item of it was missing. Links that
    /// have ended or left the scope wait for their items.
    pub fn is_due(&self, brief: &LinkBrief) -> bool {
        let retry = brief.retry_at.is_some_and(|at| self.by.is_none_or(|by| at <= by));
        let missing = brief.retry_at.is_none() && brief.missing.is_some();
        let revised = brief.mapping_revision != self.mapping_revision;
        !brief.tombstone && !brief.out_of_scope && (retry || revised || missing)
    }
}

/// The numbers of a sync's links.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All, ended ones included.
    pub links: u64,
    /// Those that have not ended.
    pub living: u64,
    /// Those that are [due](Due::is_due).
    pub due: u64,
}

/// As much of a link as tells whether anything changed.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkBrief {
    /// The link.
    pub id: i64,
    /// Its items.
    pub ids: Pair<Option<String>>,
    /// The content last seen on each side.
    pub hash: Pair<Option<Hash>>,
    /// It has ended: one of its items was deleted.
    pub tombstone: bool,
    /// An item has left what its place lists, on the side `missing`.
    pub out_of_scope: bool,
    /// From when it is tried again, if it is unfinished. In the past where nothing says when: a link that was made by an
    /// intent and never recorded, a failed one without a time.
    pub retry_at: Option<DateTime<Utc>>,
    /// The side on which its item was absent when last listed.
    pub missing: Option<Side>,
    /// A create for it was sent, and a person decides about it: the item may be there, unpaired.
    pub unanswered: bool,
    /// The mapping it was last merged with.
    pub mapping_revision: i64,
}

/// A link and its version, for compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRef {
    /// The link.
    pub id: i64,
    /// Raised by each write of it.
    pub version: i64,
}

/// The pairing of two items.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its row and version.
    pub at: LinkRef,
    /// Its items; one may be wanting until it has been created.
    pub ids: Pair<Option<String>>,
    /// Per side, the mapped fields as that side last returned them.
    pub base: Pair<Fields>,
    /// The content last seen on each side.
    pub hash: Pair<Option<Hash>>,
    /// When each side had been modified then, as far as known.
    pub modified: Pair<Option<DateTime<Utc>>>,
    /// Whether it is paired.
    pub state: LinkState,
    /// The side deleted, of a link that has ended; none when both were.
    pub deleted_side: Option<Side>,
    /// The side on which its item was absent when last listed, and since when.
    pub missing: Option<(Side, DateTime<Utc>)>,
    /// Runs that failed on it in a row.
    pub error_count: u32,
    /// The mapping it was last merged with.
    pub mapping_revision: i64,
    /// A write that was begun.
    pub intent: Option<Intent>,
    /// Conflicts left for a person, oldest first.
    pub conflicts: Vec<OpenConflict>,
}

/// Whether a link is paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// One item, whose counterpart is still to be made.
    Pending,
    /// Two items.
    Linked,
    /// Two items, of which one exists outside what its place lists; `missing` has its side.
    OutOfScope,
    /// Ended by a delete; kept so that nothing brings the items back.
    Tombstone,
}

/// A write that is about to happen, as recorded before it: what a successor needs to find out whether it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// What is written, one entry per side written to.
    pub ops: Vec<IntentOp>,
    /// The sender sends nothing after this time, by the store's clock.
    pub deadline: DateTime<Utc>,
}

/// One side's part of an intent. Values are JSON, typed anew by the mapping when read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntentOp {
    /// The side written to.
    pub side: Side,
    /// What kind of write.
    pub kind: OpKind,
    /// How an item is removed; of no meaning for other writes.
    #[serde(default)]
    pub how: Removal,
    /// The item, or the id a create asks for.
    pub id: Option<String>,
    /// What a create can be found again by.
    pub marker: Option<String>,
    /// Field values before.
    pub before: serde_json::Value,
    /// Field values as sent.
    pub after: serde_json::Value,
    /// The other side's values that they came from, under this side's field names.
    pub origin: serde_json::Value,
}

/// The kinds of write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpKind {
    /// A new item.
    Create,
    /// Some fields of an item.
    Update,
    /// An item goes.
    Delete,
}

impl OpKind {
    /// The name used in the database, the API and the CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            OpKind::Create => "create",
            OpKind::Update => "update",
            OpKind::Delete => "delete",
        }
    }
}

/// A link with what is about to be written for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Intended {
    /// The link; none for one that this call makes.
    pub link: Option<LinkRef>,
    /// The items of a new link.
    pub ids: Pair<Option<String>>,
    /// What is written.
    pub intent: Intent,
    /// The audit trail's rows.
    pub changes: Vec<Change>,
}

/// A row of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The side changed.
    pub side: Side,
    /// That side's name of the field; none for a whole item created or deleted.
    pub field: Option<String>,
    /// The value before.
    pub before: Value,
    /// The value after.
    pub after: Value,
    /// Why.
    pub rule: String,
}

/// What became of the write to one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is there.
    Confirmed,
    /// It is certain that it is not: its change rows stay as `not_written`.
    NotWritten,
    /// It cannot be told: its change rows stay as `unknown`.
    Unknown,
}

/// The state of a link after an item has been dealt with.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The link; none for one that this call makes.
    pub link: Option<LinkRef>,
    /// Its items.
    pub ids: Pair<Option<String>>,
    /// Keys and addresses that people use for the items; those that are none stay as they were.
    pub names: Pair<Names>,
    /// The new bases.
    pub base: Pair<Fields>,
    /// The content now seen on each side; none where it is to be looked at again, or was deleted.
    pub hash: Pair<Option<Hash>>,
    /// When each side was last modified, as far as known; a time that is none stays as it was.
    pub modified: Pair<Option<DateTime<Utc>>>,
    /// Versions or ETags; none forgets the one before.
    pub version: Pair<Option<String>>,
    /// Whether it is paired now.
    pub state: LinkState,
    /// The side deleted; none when both were.
    pub deleted_side: Option<Side>,
    /// Absent since.
    pub missing: Option<(Side, DateTime<Utc>)>,
    /// How this run ended for the link.
    pub status: ItemStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// Failures in a row, this one included.
    pub error_count: u32,
    /// When a failed link is tried again.
    pub retry_at: Option<DateTime<Utc>>,
    /// The mapping it was merged with.
    pub mapping_revision: i64,
    /// What became of the intended writes: one entry for each side written to, in any order.
    pub verdicts: Vec<(Side, Verdict)>,
    /// Fields that a side left out of a write that it confirmed, by that side's names: their change rows become
    /// `not_written`. The row of a created item is about the whole item and stays confirmed.
    pub left_out: Vec<(Side, String)>,
    /// Conflicts met: open ones are kept for a person, resolved ones are recorded as such. Of one link and field at most one
    /// is open: one that is met again takes the new values and loses a choice that was made for the old ones.
    pub conflicts: Vec<Conflict>,
    /// Open conflicts of this link, of earlier runs, that no longer exist.
    pub closed_conflicts: Vec<i64>,
    /// Calls made for this link alone.
    pub calls: u32,
    /// Time spent on this link.
    pub duration_ms: u64,
    /// The strategy that resolved a conflict, if one did; none keeps the last one.
    pub resolution: Option<String>,
}

/// What people call an item.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    /// Its key.
    pub key: Option<String>,
    /// Its address.
    pub url: Option<String>,
}

/// How a run ended for one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// In step.
    Completed,
    /// Something could not be written; tried again by a later run.
    Failed,
    /// A person has to decide.
    Conflict,
    /// Nothing to do by policy.
    Skipped,
}

/// Where incremental reads go on.
#[derive(Debug, Clone, PartialEq)]
pub struct CursorState {
    /// The connector's own cursor; none for a side that is always read whole.
    pub cursor: Option<Cursor>,
    /// When the side was last read whole.
    pub last_full_at: Option<DateTime<Utc>>,
    /// The account that then read it, as [`Place::reader`](super::Place::reader) names it.
    pub reader: Option<String>,
}

/// A listing that was broken off; the items of its pages are recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenListing {
    /// It was to list every item, and not only changes.
    pub whole: bool,
    /// Where it goes on.
    pub position: Position,
    /// Short hashes of the ids listed so far, 12 bytes each; empty unless it is to list every item.
    pub seen: Vec<u8>,
}
