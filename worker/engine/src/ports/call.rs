//! The context of a call to a platform.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Leave;
use crate::limits::{CallResult, Dimension, Lane, Learned};

/// What every method of a place is given.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Checked immediately before each request that changes something.
    pub leave: &'a dyn Leave,
    /// Asked before each request that counts against a limit of the platform.
    pub gate: &'a dyn Gate,
    /// Counts requests where they are made.
    pub meter: &'a Meter,
    /// The time of this call, for columns that record one.
    pub now: DateTime<Utc>,
    /// The position of the write that the requests are for, if they are for one alone; see [`Call::for_write`].
    pub write: Option<usize>,
}

impl<'a> Call<'a> {
    /// The context of a call whose requests may be for several items.
    pub fn new(leave: &'a dyn Leave, gate: &'a dyn Gate, meter: &'a Meter, now: DateTime<Utc>) -> Self {
        Self { leave, gate, meter, now, write: None }
    }

    /// The same call for one write alone: its requests count for the item of that write, too. `position` is that of the
    /// write among those of the call.
    #[must_use]
    pub fn for_write(self, position: usize) -> Self {
        Self { write: Some(position), ..self }
    }

    /// Counts one request, before it is sent.
    pub fn count(&self) {
        self.meter.count();
        if let Some(position) = self.write {
            let mut writes = self.meter.writes();
            if writes.len() <= position {
                writes.resize(position + 1, 0);
            }
            writes[position] = writes[position].saturating_add(1);
        }
    }
}

/// Lets requests to a platform pass, or refuses them, by the limits of the account and by whether the platform works.
#[async_trait]
pub trait Gate: Send + Sync {
    /// How urgent the requests of this run are.
    fn lane(&self) -> Lane;

    /// Asks for one request with these costs, all of them or none. Waits for a turn that is near; otherwise refuses, and
    /// then the request must not be sent.
    async fn ask(&self, costs: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal>;
}

/// The permission to send one request. If it is dropped without [`Pass::report`], the end of the request is unknown.
#[async_trait]
pub trait Pass: Send {
    /// Reports how the request ended and what the response's headers told about limits.
    async fn report(self: Box<Self>, result: CallResult, learned: Learned);
}

/// Why a request must not be sent now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refusal {
    /// The earliest time of the next try.
    pub until: DateTime<Utc>,
    /// The account, the cause and the time, for people.
    pub why: String,
}

/// A gate for places without limits: every request passes.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    fn lane(&self) -> Lane {
        Lane::Poll
    }

    async fn ask(&self, _: &[(&Dimension, f64)]) -> Result<Box<dyn Pass>, Refusal> {
        Ok(Box::new(OpenGate))
    }
}

#[async_trait]
impl Pass for OpenGate {
    async fn report(self: Box<Self>, _: CallResult, _: Learned) {}
}

/// Counts the requests of a run. The count includes failed requests and those of work that was planned again.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    /// The requests made for single writes of the present call, by the position of the write.
    writes: Mutex<Vec<u32>>,
    /// The requests made so far for links that the run comes back to.
    links: Mutex<HashMap<i64, u32>>,
}

impl Meter {
    /// Counts one request (a statement, a reading of a file), before it is sent.
    pub fn count(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Takes the counts of a call with so many writes, in their order. A call of one write made all its requests for it;
    /// `before` is the number of requests before the call.
    pub(crate) fn take_writes(&self, count: usize, before: u64) -> Vec<u32> {
        let mut writes = std::mem::take(&mut *self.writes());
        writes.resize(count, 0);
        if let [only] = &mut *writes {
            *only = self.since(before);
        }
        writes
    }

    /// The requests since there were `before`.
    pub(crate) fn since(&self, before: u64) -> u32 {
        u32::try_from(self.requests().saturating_sub(before)).unwrap_or(u32::MAX)
    }

    /// Keeps the requests made for a link until the run comes back to it.
    pub(crate) fn keep(&self, link: i64, requests: u32) {
        locked(&self.links).insert(link, requests);
    }

    /// Takes the requests kept for a link.
    pub(crate) fn kept(&self, link: i64) -> u32 {
        locked(&self.links).remove(&link).unwrap_or_default()
    }

    fn writes(&self) -> MutexGuard<'_, Vec<u32>> {
        locked(&self.writes)
    }
}

/// The counts are valid after a panic elsewhere.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
