//! The context of a call to a platform.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};

use super::Leave;

/// What every method of a place is given.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// Checked immediately before each request that changes something.
    pub leave: &'a dyn Leave,
    /// Counts requests where they are made.
    pub meter: &'a Meter,
    /// The time of this call, for columns that record one.
    pub now: DateTime<Utc>,
}

/// Counts the requests of a run. The count includes failed requests and those of work that was planned again.
#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

impl Meter {
    /// Counts one request (a statement, a reading of a file), before it is sent.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The requests so far.
    pub fn requests(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
