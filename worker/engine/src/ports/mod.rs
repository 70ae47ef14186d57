//! What the engine needs from outside: platforms, the store of links, the clock, and leave to continue.

#![warn(missing_docs)]

mod call;
mod error;
mod place;
mod store;
mod write;

pub use call::{Call, Gate, Meter, OpenGate, Pass, Refusal};
pub use error::{Answer, ConnectorError, ErrorKind, ErrorScope};
pub use place::{
    Candidates, Cursor, FieldInfo, Found, Listing, ListingEnd, MatchKey, Place, Position, Probed, ReadMode,
};
pub use write::{Done, Marker, Write, WriteOp, Written, changed_since_read};

pub use store::{
    BrokenListing, Change, CursorState, Due, Intended, Intent, IntentOp, ItemStatus, Link, LinkBrief,
    LinkRef, LinkState, Names, OpKind, Recorded, Store, StoreError, Tally, Verdict,
};

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

/// A clock; tests replace it.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> DateTime<Utc>;

    /// Time since some origin; never goes back, however the clock is set.
    fn elapsed(&self) -> Duration {
        (self.now() - DateTime::UNIX_EPOCH).to_std().unwrap_or_default()
    }
}

/// Leave to continue: a worker that lost its lease, or whose run was cancelled, must not write any more.
pub trait Leave: Send + Sync {
    /// Ok while writing is allowed; checked just before every write.
    fn check(&self) -> Result<(), Stopped>;

    /// How much longer writing is certainly allowed, unless the lease is renewed.
    fn remaining(&self) -> Duration;
}

/// Why a run must stop immediately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Another worker may have taken over the run.
    #[error("the lease of this run has expired; another worker takes it over")]
    LeaseLost,
    /// The deadline of the intents has passed; it can be moved if the lease was renewed.
    #[error("the time to send these writes is over")]
    Deadline,
    /// A cancellation was requested for this run.
    #[error("the run was cancelled")]
    Cancelled,
}

/// Receives the progress of a run.
#[async_trait]
pub trait Observer: Send + Sync {
    /// The run has passed a step whose order matters for crashes. Tests stop the process here.
    async fn reached(&self, _step: Step) {}

    /// `done` of `total` items are processed.
    fn progress(&self, _done: u64, _total: u64) {}
}

/// The steps of a run between which a crash must do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The intents of the writes are committed.
    IntentCommitted,
    /// The write calls have ended, with or without a reply.
    RemoteWritten,
    /// The change rows are confirmed, in a transaction not yet committed.
    Confirmed,
    /// Bases are advanced and committed.
    BaseAdvanced,
    /// The cursors are saved.
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

/// An observer that ignores everything.
pub struct Unobserved;

impl Observer for Unobserved {}
