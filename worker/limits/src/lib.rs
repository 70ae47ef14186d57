//! Limits of platform accounts, shared by all replicas: rates, slots and circuit breakers.
//!
//! A **subject** is what a platform counts calls for, usually an account (`account:12`). Before a call a worker
//! **takes** what the call costs, in every [`Dimension`] that the platform counts at once: all of it or nothing. After
//! the call it **finishes**: gives back what it held, says whether the platform works, and passes on what the answer's
//! headers said ([`Learned`]). The state lives in a [`Limits`] store, so that replicas share it, and times are the
//! store's own.
//!
//! - [`Account`] is the arithmetic, without a store: [`MemoryLimits`] keeps it in the process, [`SqlLimits`] in SQL rows.
//! - [`RedisLimits`] does the same arithmetic in Lua scripts; one suite and a differential test hold them together.
//! - [`Caller`] is what a connector asks before each of its calls.
//! - Dimensions, lanes and what answers teach are plain types of the engine ([`syncline_engine::limits`]), so that
//!   platforms can name them.
//!
//! A store that cannot be asked lets nothing pass. A call that nobody counts may be the one for which a platform bans
//! the account, while a job that snoozes costs time only; and where the limits are away, the queue beside them mostly is
//! too.

mod account;
mod breaker;
mod bucket;
mod caller;
mod memory;
mod redis;
mod sql;

use std::{fmt, time::Duration};

use async_trait::async_trait;
pub use syncline_engine::limits::{Dimension, Lane, Learned, Observed, Refill, Rule};
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

/// What a call costs in one dimension: one slot whatever the amount, where the dimension is one of concurrency.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cost {
    pub(crate) dimension: Dimension,
    pub(crate) amount: f64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Of whom.
    pub subject: String,
    /// How urgent it is.
    pub lane: Lane,
    /// In every dimension that counts, each of them once; none at all asks only whether calls may be made at present.
    pub(crate) costs: Vec<Cost>,
    /// A ticket under which this happens: the calls of a run that was let through to try a platform pass with it.
    pub under: Option<Ticket>,
}

impl Request {
    /// Asks only whether calls may be made.
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

/// The proof of a grant, to be handed back with [`Limits::finish`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticket {
    /// Unique per subject.
    pub serial: u64,
    /// How often the breaker had opened. What is said of a time before its last opening is ignored.
    pub epoch: u64,
    /// It tries whether the platform works again.
    pub probe: bool,
    /// The dimensions of concurrency in which it holds a slot.
    pub slots: Vec<String>,
    /// A success would change nothing, so it need not be told.
    pub quiet: bool,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is taken.
    Granted(Ticket),
    /// Nothing is taken; ask again after this time.
    WaitFor {
        /// How long.
        delay: Duration,
        /// What stands in the way.
        cause: Cause,
    },
}

/// Why a request was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This dimension is used up, as far as the lane may use it.
    Dimension(String),
    /// The platform asked for silence.
    Blocked,
    /// The breaker is open, or others are trying the platform already.
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

/// How a call went, for the breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// The platform works, whatever it answered.
    Works,
    /// It does not: no answer, a 5xx, credentials that it no longer takes.
    Fails {
        /// In a few words, for people. No secrets.
        error: String,
    },
    /// Nothing is known: the call was not made, or was limited.
    Unknown,
}

/// How a subject stands, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectStatus {
    /// Who.
    pub subject: String,
    /// No call at all for this long.
    pub blocked_for: Option<Duration>,
    /// The breaker's phase.
    pub phase: Phase,
    /// How long until it lets a call through to try.
    pub opens_in: Option<Duration>,
    /// Failures in a row.
    pub failures: u32,
    /// What the last failure said.
    pub error: Option<String>,
    /// Dimensions that have been used.
    pub dimensions: Vec<DimensionStatus>,
}

/// How one dimension stands.
#[derive(Debug, Clone, PartialEq)]
pub struct DimensionStatus {
    /// Its name.
    pub name: String,
    /// The limit that the platform told, if it did.
    pub limit: Option<f64>,
    /// What the platform left, for as long as that holds.
    pub remaining: Option<(f64, Duration)>,
    /// How long until the bucket is full.
    pub full_in: Duration,
    /// Slots in use.
    pub in_use: usize,
}

/// A store of limits.
#[async_trait]
pub trait Limits: Send + Sync + fmt::Debug + 'static {
    /// Takes everything that is asked for, or nothing.
    async fn take(&self, request: &Request) -> Result<Answer, Error>;

    /// Gives back what a grant holds, says how it went, and passes on what was learned. A ticket finishes once; a second
    /// time only what was learned counts.
    async fn finish(
        &self,
        subject: &str,
        ticket: &Ticket,
        result: &CallResult,
        learned: &Learned,
    ) -> Result<Phase, Error>;

    /// How a subject stands. One that nobody has asked for stands well.
    async fn status(&self, subject: &str) -> Result<SubjectStatus, Error>;

    /// Forgets all that is known of a subject: its breaker is closed, its buckets are full.
    async fn forget(&self, subject: &str) -> Result<(), Error>;
}
