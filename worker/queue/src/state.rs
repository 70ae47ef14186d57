//! The states of a job and the transitions between them.

use std::{fmt, str::FromStr};

/// The state of a stored job. A job that is done, cancelled or discarded has no row any more.
///
/// ```text
///            push
///             |
///             v         claim: attempt + 1, a new token
///        +---------+ -----------------------------> +---------+  done, cancelled
///   +--> | waiting |                                | running | -----------------> (gone)
///   |    +---------+ <----------------------------- +---------+
///   |      |           retry: after a backoff            |
///   |      |           snooze, give back: attempt - 1    |  dead: permanent error, attempts used up,
///   |      |           rescue: the lease ran out         |        or crashed as often as it may run
///   |      |                                             v
///   |      | cancel                                  +------+  discard
///   |      +----> (gone)                             | dead | ---------> (gone)
///   |                                                +------+
///   |                replay: attempt = 0                 |
///   +----------------------------------------------------+
/// ```
///
/// Every move out of `running` except the rescue presents the token of its claim. A token that a later claim has
/// replaced changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// In line, or waiting for its due time.
    Waiting,
    /// Claimed by a worker, under a lease.
    Running,
    /// Given up; stays until a person replays or discards it.
    Dead,
}

impl State {
    /// Returns the name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Running => "running",
            State::Dead => "dead",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a state of a job: waiting, running or dead")]
pub struct UnknownState(pub String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "waiting" => Ok(State::Waiting),
            "running" => Ok(State::Running),
            "dead" => Ok(State::Dead),
            other => Err(UnknownState(other.to_owned())),
        }
    }
}
