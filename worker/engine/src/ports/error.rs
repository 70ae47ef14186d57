//! Why a call to a platform failed.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Refusal, Stopped};

/// Why a call, or one write of it, failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// What the caller can do about it.
    pub kind: ErrorKind,
    /// What else fails for the same reason.
    pub scope: ErrorScope,
    /// What happened, for people: names the place, the field, the value and the remedy; never a secret.
    pub message: String,
    /// What the platform answered, if it answered.
    pub answer: Option<Box<Answer>>,
    /// The error below this one.
    #[source]
    pub source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Retry, not before `until`.
    RateLimited {
        /// The earliest time of a retry.
        until: DateTime<Utc>,
    },
    /// Retry later: a timeout, a locked database, a full disk.
    Transient,
    /// A retry fails until a person corrects the data or the configuration.
    Permanent,
    /// The platform's workflow leads from the item's status to no such status.
    NoTransition,
    /// Credentials are missing, wrong or expired.
    Auth,
    /// The item does not exist.
    NotFound,
    /// The item has changed since it was read; read it and decide again.
    Conflict,
    /// The run must stop.
    Stopped(Stopped),
}

/// What fails for the same reason as the call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorScope {
    /// This item alone; the others of its batch are tried.
    Item,
    /// Every call of this kind to this place; the batch stops.
    Endpoint,
    /// Every call with this account; the batch stops.
    Account,
}

/// A platform's answer to a request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The platform's own code of the error.
    pub code: Option<String>,
    /// The platform's id of the request, for its support.
    pub request_id: Option<String>,
}

impl ConnectorError {
    /// An error of the given kind, about one item.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, scope: ErrorScope::Item, message: message.into(), answer: None, source: None }
    }

    /// An error that only a person can correct.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Permanent, message)
    }

    /// An error that a retry may clear.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// An error about an item that changed since it was read.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// The same error with a wider scope.
    #[must_use]
    pub fn about(mut self, scope: ErrorScope) -> Self {
        self.scope = scope;
        self
    }

    /// True if the same write may succeed later without a change: the platform did not judge its values. Otherwise a person
    /// must correct something first.
    pub fn passes(&self) -> bool {
        use ErrorKind::{Auth, Conflict, RateLimited, Stopped, Transient};
        matches!(self.kind, Auth | Conflict | RateLimited { .. } | Stopped(_) | Transient)
    }

    /// True if the rest of a batch would fail for the same reason.
    pub fn stops_the_batch(&self) -> bool {
        self.scope != ErrorScope::Item
            || matches!(self.kind, ErrorKind::RateLimited { .. } | ErrorKind::Auth | ErrorKind::Stopped(_))
    }
}

impl PartialEq for ConnectorError {
    /// Sources are not compared.
    fn eq(&self, other: &Self) -> bool {
        (self.kind, self.scope, &self.message, &self.answer)
            == (other.kind, other.scope, &other.message, &other.answer)
    }
}

impl From<Refusal> for ConnectorError {
    /// A refused request waits like one that the platform limited, also while the platform does not work: neither uses up
    /// an attempt, and every other request of the account would be refused as well.
    fn from(refusal: Refusal) -> Self {
        let kind = ErrorKind::RateLimited { until: refusal.until };
        Self::new(kind, refusal.why).about(ErrorScope::Account)
    }
}

impl From<Stopped> for ConnectorError {
    fn from(stopped: Stopped) -> Self {
        Self::new(ErrorKind::Stopped(stopped), stopped.to_string())
    }
}
