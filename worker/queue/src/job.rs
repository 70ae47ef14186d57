//! Jobs: as pushed, as claimed, and as stored.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{backend::LeaseRef, lease::Lease, retry::RetryPolicy, state::State};

/// How urgent a job is. The order is strict: jobs of a more urgent class go first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Before all other classes.
    Critical = 0,
    /// Before `Normal`.
    High = 1,
    /// The default; input also accepts `default`.
    #[default]
    Normal = 2,
    /// After all other classes.
    Low = 3,
}

impl Priority {
    /// All classes, the most urgent first.
    pub const ALL: [Priority; 4] = [Priority::Critical, Priority::High, Priority::Normal, Priority::Low];

    /// Returns the name, as users write it and as metrics show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Priority::Critical => "critical",
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }

    /// Returns the number that the store keeps: the smaller, the more urgent.
    pub const fn rank(self) -> i16 {
        self as i16
    }

    /// Returns the class of a stored number.
    pub fn from_rank(rank: i16) -> Result<Self, UnknownPriority> {
        Priority::ALL
            .into_iter()
            .find(|priority| priority.rank() == rank)
            .ok_or_else(|| UnknownPriority(rank.to_string()))
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text or number is not a priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a priority: critical, high, normal or low")]
pub struct UnknownPriority(pub String);

impl FromStr for Priority {
    type Err = UnknownPriority;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.to_ascii_lowercase().as_str() {
            "critical" => Ok(Priority::Critical),
            "high" => Ok(Priority::High),
            "normal" | "default" => Ok(Priority::Normal),
            "low" => Ok(Priority::Low),
            _ => Err(UnknownPriority(name.to_owned())),
        }
    }
}

/// A job to push.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Chosen by the caller; the same id again is not queued twice.
    pub id: Uuid,
    /// The queue it goes to.
    pub queue: String,
    /// The kind of work; selects the handler.
    pub kind: String,
    /// The version of the payload's shape.
    pub payload_version: i32,
    /// The handler's arguments.
    pub payload: Value,
    /// Jobs of a more urgent priority are claimed first.
    pub priority: Priority,
    /// How long the job waits before it is due, by the store's clock.
    pub delay: Duration,
    /// How often it may be started before it is dead.
    pub max_attempts: u32,
    /// Attempts that count already; above zero for a job that is put back after its store has lost it.
    pub attempts_used: u32,
    /// How long to wait between attempts.
    pub retry: RetryPolicy,
    /// Unique in its queue while it waits: a push of the same key joins the waiting job. A running job gets one follow-up.
    pub unique: Option<String>,
    /// Limits how many jobs of a key run in a queue at once.
    pub concurrency: Option<Concurrency>,
    /// Jobs of this key run one after another, by id: first in, first out.
    pub order_key: Option<String>,
}

/// Limits how many jobs of a key run in a queue at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// Names the group of jobs within the queue.
    pub key: String,
    /// The most running jobs, at least one. Among jobs with different limits each follows its own.
    pub limit: u32,
}

impl Concurrency {
    /// Allows one running job at a time.
    pub fn one(key: impl Into<String>) -> Self {
        Self { key: key.into(), limit: 1 }
    }
}

impl NewJob {
    /// Creates a job of this kind with a new id and the defaults: queue `default`, normal priority, four attempts.
    pub fn new(kind: impl Into<String>, payload: Value) -> Self {
        Self {
            id: Uuid::now_v7(),
            queue: "default".to_owned(),
            kind: kind.into(),
            payload_version: 1,
            payload,
            priority: Priority::Normal,
            delay: Duration::ZERO,
            max_attempts: 4,
            attempts_used: 0,
            retry: RetryPolicy::default(),
            unique: None,
            concurrency: None,
            order_key: None,
        }
    }
}

/// A job as a worker receives it, at the moment of its claim.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// Chosen by the caller that pushed it.
    pub id: Uuid,
    /// The queue it came from.
    pub queue: String,
    /// The kind of work; selects the handler.
    pub kind: String,
    /// The version of the payload's shape.
    pub payload_version: i32,
    /// The handler's arguments, not decoded here.
    pub payload: Value,
    /// The priority it was pushed with.
    pub priority: Priority,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How often the job may be started before it is dead.
    pub max_attempts: u32,
    /// The token of this claim; every later call presents it.
    pub token: i64,
    /// The key that limits how many of its jobs run at once.
    pub concurrency_key: Option<String>,
    /// The key whose jobs run one after another.
    pub order_key: Option<String>,
    /// The error of the previous failed attempt; `None` if there was none.
    pub last_error: Option<String>,
    /// The time of its push, by the store's clock.
    pub enqueued_at: DateTime<Utc>,
    /// The time it was due, by the store's clock.
    pub run_at: DateTime<Utc>,
}

impl ClaimedJob {
    /// Returns the job's id and the token of its claim.
    pub fn lease_ref(&self) -> LeaseRef {
        LeaseRef { id: self.id, token: self.token }
    }

    /// True if a retry of this attempt would make the job dead.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }
}

/// What a handler receives: the job, and the lease under which it runs.
#[derive(Debug, Clone)]
pub struct LeasedJob {
    /// The claimed job.
    pub job: ClaimedJob,
    /// The lease; check it before every effect.
    pub lease: Lease,
}

/// A stored job, as lists show it.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the fields are the columns, described at NewJob and ClaimedJob")]
pub struct Job {
    pub id: Uuid,
    pub queue: String,
    pub kind: String,
    pub payload_version: i32,
    pub payload: Value,
    pub priority: Priority,
    pub state: State,
    pub run_at: DateTime<Utc>,
    pub attempt: u32,
    pub max_attempts: u32,
    pub retry: RetryPolicy,
    pub token: i64,
    pub lease_until: Option<DateTime<Utc>>,
    pub worker_id: Option<String>,
    pub unique_key: Option<String>,
    pub concurrency_key: Option<String>,
    pub concurrency_limit: u32,
    pub order_key: Option<String>,
    pub cancel_requested: bool,
    pub progress: Option<Value>,
    pub history: Vec<PastAttempt>,
    pub last_error: Option<String>,
    pub dead_reason: Option<String>,
    pub enqueued_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// An ended attempt in a job's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAttempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// The id of the worker; `None` if it is not known.
    pub worker: Option<String>,
    /// The time it ended, by the store's clock.
    pub ended_at: DateTime<Utc>,
    /// `retry`, `dead` or `crashed` (its lease ran out).
    pub outcome: String,
    /// The error's text, if there was one.
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_keep_their_numbers_and_names() {
        for priority in Priority::ALL {
            assert_eq!(Priority::from_rank(priority.rank()), Ok(priority));
            assert_eq!(priority.as_str().parse(), Ok(priority));
        }
        assert_eq!("Default".parse(), Ok(Priority::Normal));
        assert!("urgent".parse::<Priority>().is_err());
        assert!(Priority::from_rank(4).is_err());
    }
}
