//! Jobs: as pushed, as claimed, and as seen from outside.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{backend::LeaseRef, lease::Lease, retry::RetryPolicy, state::State};

/// How urgent a job is. Strict: a more urgent class goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Before everything else.
    Critical = 0,
    /// Before the usual.
    High = 1,
    /// The usual; input also accepts `default`.
    #[default]
    Normal = 2,
    /// When there is nothing better to do.
    Low = 3,
}

impl Priority {
    /// All classes, the most urgent first.
    pub const ALL: [Priority; 4] = [Priority::Critical, Priority::High, Priority::Normal, Priority::Low];

    /// The name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Priority::Critical => "critical",
            Priority::High => "high",
            Priority::Normal => "normal",
            Priority::Low => "low",
        }
    }

    /// The number in the store: the smaller, the more urgent.
    pub const fn rank(self) -> i16 {
        self as i16
    }

    /// The class of a number in the store.
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

/// A priority nobody has heard of.
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
    /// What handler it is for.
    pub kind: String,
    /// The version of the payload's shape.
    pub payload_version: i32,
    /// The handler's arguments.
    pub payload: Value,
    /// How urgent it is.
    pub priority: Priority,
    /// Not before so much time has passed, by the store's clock.
    pub delay: Duration,
    /// How often it may be started before it is dead.
    pub max_attempts: u32,
    /// Attempts that count already: not zero for a job that is put back after its store has lost it.
    pub attempts_used: u32,
    /// How long to wait between attempts.
    pub retry: RetryPolicy,
    /// Whether another job stands for this one.
    pub unique: Option<Unique>,
    /// How many jobs of a key run in a queue at once.
    pub concurrency: Option<Concurrency>,
    /// Jobs of this key run one after another, by id: first in, first out.
    pub order_key: Option<String>,
    /// How long it can be looked up how the job went, once it is done or cancelled. Nothing: it leaves at once.
    pub keep_result: Duration,
}

/// When a job is not queued because another one of the same key stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// The key, within the queue.
    pub key: String,
    /// For how long the other one stands for it.
    pub rule: UniqueRule,
}

/// For how long a job stands for others of its unique key. The rule is that of the job which is pushed, whatever the
/// other one was pushed under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueRule {
    /// While it waits, for its first attempt or for another; a running one gets one follow-up.
    WhileWaiting,
    /// While it waits or runs.
    UntilDone,
    /// For so long from its push, whatever has become of it, and while it waits. The time starts with a push of this rule.
    For(Duration),
    /// While it waits, and the payload that is pushed is merged into its own: see [`crate::coalesce`].
    Coalesce,
}

/// How many jobs of a key run in a queue at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concurrency {
    /// The key, within the queue.
    pub key: String,
    /// At most so many; at least one. Of jobs with different limits each keeps its own.
    pub limit: u32,
}

impl Concurrency {
    /// One at a time.
    pub fn one(key: impl Into<String>) -> Self {
        Self { key: key.into(), limit: 1 }
    }
}

impl NewJob {
    /// A job of this kind with a new id and the usual settings: queue `default`, normal priority, four attempts.
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
            keep_result: Duration::ZERO,
        }
    }
}

/// A job as a worker gets it, at the moment of its claim.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedJob {
    /// The job's id.
    pub id: Uuid,
    /// The queue it came from.
    pub queue: String,
    /// What handler it is for.
    pub kind: String,
    /// The version of the payload's shape.
    pub payload_version: i32,
    /// The handler's arguments, not decoded here.
    pub payload: Value,
    /// How urgent it is.
    pub priority: Priority,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// How often it may be started.
    pub max_attempts: u32,
    /// Proof of this claim; every later call presents it.
    pub token: i64,
    /// The key of which no more than so many jobs run.
    pub concurrency_key: Option<String>,
    /// The key within which order is kept.
    pub order_key: Option<String>,
    /// How the attempt before ended, if there was one.
    pub last_error: Option<String>,
    /// When it was pushed.
    pub enqueued_at: DateTime<Utc>,
    /// When it was due.
    pub run_at: DateTime<Utc>,
}

impl ClaimedJob {
    /// The job and the proof of its claim.
    pub fn lease_ref(&self) -> LeaseRef {
        LeaseRef { id: self.id, token: self.token }
    }

    /// Is a retry of this attempt the end of the job?
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }
}

/// What a handler is given: the job, and the lease under which it runs.
#[derive(Debug, Clone)]
pub struct LeasedJob {
    /// The job.
    pub job: ClaimedJob,
    /// Its lease, to be asked before every effect.
    pub lease: Lease,
}

/// A stored job as lists and pages show it.
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

/// An attempt that failed, as the job's history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastAttempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// Who made it.
    pub worker: Option<String>,
    /// When it ended, by the store's clock.
    pub ended_at: DateTime<Utc>,
    /// How: `retry`, `dead` or `crashed` (its lease ran out).
    pub outcome: String,
    /// What went wrong.
    pub error: Option<String>,
}

/// How a job went that has left the queue; kept for [`NewJob::keep_result`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The job.
    pub id: Uuid,
    /// The queue it was in.
    pub queue: String,
    /// What handler it was for.
    pub kind: String,
    /// It was cancelled; else it is done.
    pub cancelled: bool,
    /// What the handler answered, if it answered anything.
    pub result: Option<Value>,
    /// The error of the last attempt that failed, if one did.
    pub last_error: Option<String>,
    /// How often it was started.
    pub attempt: u32,
    /// When it left.
    pub ended_at: DateTime<Utc>,
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
