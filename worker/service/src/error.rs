//! Why a request was not done.

use sea_orm::DbErr;

/// Why a request was not done. Nothing of it was done then. The text says what and why, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request names something that is not there.
    #[error("{message}")]
    Unknown {
        /// What was named.
        what: Unknown,
        /// For people.
        message: String,
    },
    /// The request is understood and cannot be done at present, or not any more.
    #[error("{message}")]
    Refused {
        /// Why, for programs.
        why: Refusal,
        /// For people.
        message: String,
    },
    /// The stored document of a sync cannot be read by this version.
    #[error(
        "this version cannot read the stored document of {sync:?} ({error}); use a newer version, or apply it again"
    )]
    Unreadable {
        /// The sync's name, without its project.
        sync: String,
        /// What the reader of JSON said.
        error: String,
    },
    /// The document cannot be stored.
    #[error("{0}")]
    Invalid(String),
    /// Syncline's database.
    #[error(transparent)]
    Database(#[from] DbErr),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] syncline_queue::Error),
}

/// What a request names and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// A project's key.
    Project,
    /// A sync's name.
    Sync,
    /// A conflict's id.
    Conflict,
    /// A queue's name.
    Queue,
    /// An account's name.
    Account,
    /// A platform's name.
    Platform,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The queue of the runs is paused.
    QueuePaused,
    /// The sync is paused, or one of its platforms or accounts.
    SyncPaused,
    /// The id was used for another request.
    IdUsed,
    /// The conflict is resolved already.
    Resolved,
    /// Runs write to the same links all the time.
    Contended,
}

impl Error {
    pub(crate) fn unknown(what: Unknown, message: impl Into<String>) -> Error {
        Error::Unknown { what, message: message.into() }
    }

    pub(crate) fn refused(why: Refusal, message: impl Into<String>) -> Error {
        Error::Refused { why, message: message.into() }
    }
}
