//! What the engine asks of the outside: platforms, the store of links, the clock, and leave to go on.

mod connector;

pub use connector::{
    Connector, ConnectorError, Cursor, ErrorKind, FieldInfo, Listing, ListingEnd, Marker, ReadMode, Write,
    WriteContext, WriteOp, WriteResult, changed_since_read,
};

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
