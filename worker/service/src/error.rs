//! Why a request failed.

use sea_orm::DbErr;
use syncline_engine::spec::Finding;

use crate::Scope;

/// Why a request failed; none of it was carried out. The text names the problem, its cause and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request names something that does not exist.
    #[error("{message}")]
    Unknown {
        /// The kind of thing that was named.
        what: Unknown,
        /// The text for display.
        message: String,
    },
    /// The request is valid but cannot be carried out now, or not any more.
    #[error("{message}")]
    Refused {
        /// The reason for programs.
        why: Refusal,
        /// The text for display.
        message: String,
    },
    /// The caller lacks a scope.
    #[error("{message}")]
    Forbidden {
        needed: Scope,
        /// The text for display.
        message: String,
    },
    /// This version cannot read a sync's stored document.
    #[error(
        "this version cannot read the stored document of {sync:?} ({error}); use a newer version, or apply it again"
    )]
    Unreadable {
        /// The sync's name, without its project.
        sync: String,
        /// The text of the JSON parser.
        error: String,
    },
    /// The request is invalid.
    #[error("{0}")]
    Invalid(String),
    /// Several things are invalid, each in the form of [`Error::Invalid`].
    #[error("{}", .0.join("; "))]
    Several(Vec<String>),
    /// A document cannot be stored.
    #[error("{}", told(name, findings))]
    Document {
        /// The name of its sync, as far as it has one.
        name: String,
        /// All that is wrong with it.
        findings: Vec<Finding>,
    },
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Queue(#[from] syncline_queue::Error),
}

/// The kind of a named thing that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// By key.
    Project,
    /// By name.
    Sync,
    /// By id.
    Conflict,
    /// By name.
    Queue,
    /// By name.
    Account,
    /// By name.
    Platform,
    /// By an identity.
    Person,
    /// By id.
    Token,
    /// By id.
    Job,
    /// By id.
    Run,
    /// By id.
    Link,
    /// By number.
    Revision,
    /// By id.
    Operation,
    /// By id.
    Schedule,
    /// By name or id.
    Worker,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The queue of runs is paused.
    QueuePaused,
    /// The sync, one of its platforms or one of its accounts is paused.
    SyncPaused,
    /// The id was used for another request.
    IdUsed,
    /// The conflict is resolved already.
    Resolved,
    /// The conflict cannot be decided in this way.
    Undecidable,
    /// Runs kept writing to the same links.
    Contended,
    /// There is an account with this name.
    AccountExists,
    /// Syncs use the account.
    AccountUsed,
    /// The job is over.
    JobOver,
    /// There is no token, and the address is public.
    NoToken,
    /// There is a sync with this name.
    SyncExists,
    /// It was changed since the caller read it.
    Outdated,
    /// The values of the conflict have changed since the caller saw them.
    ConflictMoved,
    /// The sync cannot do what is asked of it.
    Unsuitable,
    /// No preview has the token.
    NoPreview,
    /// There is a project with this key.
    ProjectExists,
}

fn told(name: &str, findings: &[Finding]) -> String {
    let of = |finding: &Finding| match finding.path.as_str() {
        "" => finding.message.clone(),
        path => format!("{path}: {}", finding.message),
    };
    let told = findings.iter().map(of).collect::<Vec<_>>().join("; ");
    if name.is_empty() { told } else { format!("{name}: {told}") }
}

impl Error {
    /// Fails with all that is invalid.
    pub(crate) fn all(invalid: Vec<Result<(), Error>>) -> Result<(), Error> {
        let mut errors: Vec<Error> = invalid.into_iter().filter_map(Result::err).collect();
        match errors.len() {
            0 => Ok(()),
            1 => errors.pop().map_or(Ok(()), Err),
            _ => Err(Error::Several(errors.iter().map(Error::to_string).collect())),
        }
    }

    pub(crate) fn unknown(what: Unknown, message: impl Into<String>) -> Error {
        Error::Unknown { what, message: message.into() }
    }

    pub(crate) fn refused(why: Refusal, message: impl Into<String>) -> Error {
        Error::Refused { why, message: message.into() }
    }
}
