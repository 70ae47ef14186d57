//! Whether a request that failed may have had an effect.

use syncline_engine::ports::{ConnectorError, Written};

/// What became of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was not sent: there was no leave, no permission or no connection.
    No,
    /// It was sent and certainly not applied: the platform refused it.
    Refused,
    /// It was sent, and nothing tells whether it was applied: no answer came, the answer was cut off or cannot be read, or
    /// the platform's server failed.
    Unknown,
}

/// A request that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{error}")]
pub struct Failed {
    /// Why, for every kind of request.
    #[source]
    pub error: ConnectorError,
    /// For one that changes something, whether it did.
    pub sent: Sent,
}

impl Failed {
    pub(super) fn new(sent: Sent, error: ConnectorError) -> Self {
        Self { error, sent }
    }

    /// The outcome of a write that consists of this request alone.
    pub fn written(self) -> Written {
        match self.sent {
            Sent::No => Written::NotSent(self.error),
            Sent::Refused => Written::Refused(self.error),
            Sent::Unknown => Written::Unknown(self.error),
        }
    }
}

impl From<Failed> for ConnectorError {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}
