//! Limits of platform accounts, shared by all replicas: rates, slots and circuit breakers.
//!
//! A **subject** is what a platform counts calls for, usually an account (`account:12`). Before a call a worker
//! **takes** the call's cost in every [`Dimension`] that the platform counts, all of it or nothing. After the call it
//! **finishes**: it returns the slots, reports whether the platform works, and passes on what the answer's headers
//! reported ([`Learned`]). The state is in a [`Limits`] store, so that replicas share it, and times are by the store's
//! clock.
//!
//! - [`Account`] is the arithmetic, without a store. [`MemoryLimits`] keeps it in the process, [`SqlLimits`] in SQL.
//! - [`RedisLimits`] does the same arithmetic in Lua scripts; one suite and a differential test keep the two equal.
//! - [`Caller`] is what a connector calls before each of its calls.
//! - Dimensions, lanes and reported limits are plain types of the engine ([`syncline_engine::limits`]), so that
//!   platforms can name them.
//!
//! If the store fails, no call passes. An uncounted call may be the one for which a platform bans the account, while a
//! job that snoozes only costs time; and when the limits are down, the queue beside them usually is too.

mod account;
mod breaker;
mod bucket;
mod caller;
mod memory;
mod redis;
mod sql;

use std::{fmt, time::Duration};

use async_trait::async_trait;
pub use syncline_engine::limits::{CallResult, Dimension, Lane, Learned, Observed, Refill, Rule};
use syncline_queue::Error;

#[doc(hidden)]
pub use self::memory::TestClock;
pub use self::{
    account::Account,
    breaker::{Breaker, BreakerPolicy, Phase},
    bucket::Bucket,
    caller::{Caller, NotNow, Permit},
    memory::MemoryLimits,
    redis::RedisLimits,
    sql::SqlLimits,
};

/// The cost of a call in one dimension; in a dimension of concurrency one slot, whatever the amount.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cost {
    pub(crate) dimension: Dimension,
    pub(crate) amount: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub subject: String,
    pub lane: Lane,
    /// One cost per dimension; without costs, the request only asks whether calls may be made now.
    pub(crate) costs: Vec<Cost>,
    /// The ticket that this call belongs to: calls of a run that probes a platform pass with the run's ticket.
    pub under: Option<Ticket>,
}

impl Request {
    /// Creates a request without costs, which only asks whether calls may be made.
    pub fn new(subject: impl Into<String>, lane: Lane) -> Self {
        Self { subject: subject.into(), lane, costs: Vec::new(), under: None }
    }

    /// Adds a cost; a second one in the same dimension is added to the first.
    #[must_use]
    pub fn cost(mut self, dimension: &Dimension, amount: f64) -> Self {
        let amount = if amount.is_nan() { 0.0 } else { amount.clamp(0.0, 1e12) };
        match self.costs.iter_mut().find(|cost| cost.dimension.name == dimension.name) {
            Some(cost) => cost.amount += amount,
            None => self.costs.push(Cost { dimension: dimension.clone(), amount }),
        }
        self
    }
}

/// The proof of a grant; returned with [`Limits::finish`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    /// Unique per subject.
    pub serial: u64,
    /// The breaker's epoch. Results from before its last opening are ignored.
    pub epoch: u64,
    /// The call probes whether the platform works again.
    pub probe: bool,
    /// The dimensions of concurrency in which it holds a slot.
    pub slots: Vec<String>,
    /// A success would change nothing, so it need not be reported.
    pub quiet: bool,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Everything is taken.
    Granted(Ticket),
    /// Nothing is taken; wait before the next try.
    WaitFor {
        delay: Duration,
        /// What prevents the call.
        cause: Cause,
    },
}

/// Why a request was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This dimension is used up, as far as the lane may use it.
    Dimension(String),
    /// The platform asked for no calls.
    Blocked,
    /// The breaker is open, or enough other calls probe the platform already.
    Breaker,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Dimension(name) => write!(f, "its limit {name:?} is used up for now"),
            Cause::Blocked => f.write_str("the platform asked to wait"),
            Cause::Breaker => f.write_str("the platform does not work at present"),
        }
    }
}

/// The state of a subject, for display.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectStatus {
    pub subject: String,
    /// How long the platform still wants no calls.
    pub blocked_for: Option<Duration>,
    pub phase: Phase,
    /// How long until the breaker lets a probe through.
    pub opens_in: Option<Duration>,
    /// Failures in a row.
    pub failures: u32,
    /// The text of the last failure.
    pub error: Option<String>,
    /// The dimensions that have been used.
    pub dimensions: Vec<DimensionStatus>,
}

/// The state of one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionStatus {
    pub name: String,
    /// The limit that the platform reported, if it did.
    pub limit: Option<f64>,
    /// What is left of the platform's window, and the time until the window ends.
    pub remaining: Option<(f64, Duration)>,
    /// How long until the bucket is full.
    pub full_in: Duration,
    /// Slots in use.
    pub in_use: usize,
}

#[async_trait]
pub trait Limits: Send + Sync + fmt::Debug + 'static {
    /// Takes all requested costs, or none.
    async fn take(&self, request: &Request) -> Result<Answer, Error>;

    /// Returns a ticket's slots, reports the result of its call, and applies what was learned. A ticket finishes once;
    /// a second call only applies what was learned.
    async fn finish(
        &self,
        subject: &str,
        ticket: &Ticket,
        result: &CallResult,
        learned: &Learned,
    ) -> Result<Phase, Error>;

    /// Returns the state of a subject. One that was never requested has no failures.
    async fn status(&self, subject: &str) -> Result<SubjectStatus, Error>;

    /// Deletes the state of a subject: its breaker is closed, its buckets are full.
    async fn forget(&self, subject: &str) -> Result<(), Error>;
}
