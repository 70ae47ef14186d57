//! What the engine asks of the outside: platforms, the store of links, the clock, and leave to go on.

#![warn(missing_docs)]

mod connector;
mod store;

pub use connector::{
    Connector, ConnectorError, Cursor, ErrorKind, FieldInfo, Listing, ListingEnd, Marker, ReadMode, Write,
    WriteContext, WriteOp, WriteResult, changed_since_read,
};

pub use store::{
    Change, CursorState, Intended, Intent, IntentOp, ItemStatus, Link, LinkBrief, LinkRef, LinkState, Names,
    OpKind, Recorded, Store, StoreError, Verdict,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;
}

/// Leave to go on: a worker that has lost its lease, or was asked to stop, must write nothing more.
pub trait Leave: Send + Sync {
    /// Whether writing is still allowed; asked just before every write.
    fn check(&self) -> Result<(), Stopped>;

    /// Until when writing is certainly allowed, unless the lease is renewed: the deadline of intents.
    fn deadline(&self) -> DateTime<Utc>;
}

/// Why a run must stop where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Another worker may have taken the run over.
    #[error("the lease of this run has expired; another worker takes it over")]
    LeaseLost,
    /// Somebody cancelled the run.
    #[error("the run was cancelled")]
    Cancelled,
}

/// Watches a run.
#[async_trait]
pub trait Observer: Send + Sync {
    /// The run has come past a step whose order matters for crashes. Tests stop the process here.
    async fn reached(&self, _step: Step) {}

    /// So many items of so many are dealt with.
    fn progress(&self, _done: u64, _total: u64) {}
}

/// The steps of a run between which a crash must do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// What is to be written is on record.
    IntentCommitted,
    /// The platform has it.
    RemoteWritten,
    /// The change rows are confirmed, in a transaction not yet committed.
    Confirmed,
    /// Bases are advanced and committed.
    BaseAdvanced,
    /// Cursors are saved.
    CursorSaved,
}

impl Step {
    /// The name used in tests and settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::IntentCommitted => "intent_committed",
            Step::RemoteWritten => "remote_written",
            Step::Confirmed => "confirmed",
            Step::BaseAdvanced => "base_advanced",
            Step::CursorSaved => "cursor_saved",
        }
    }
}

/// An observer that looks away.
pub struct Unobserved;

impl Observer for Unobserved {}
