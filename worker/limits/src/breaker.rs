//! A circuit breaker: after failures in a row calls stop, and a few are let through later to try again.
//!
//! ```text
//!            so many failures in a row                 its time is over
//!   closed ------------------------------->  open  ----------------------> half-open
//!     ^                                       ^                              |    |
//!     |                                       '---- a probe fails: twice ----'    |
//!     |                                             as long, up to a cap          |
//!     '----------------------- so many probes succeed ---------------------------'
//! ```
//!
//! Each opening starts an epoch. What is said of calls from an earlier epoch changes nothing: a call that was under way
//! when the breaker opened must neither open it again nor close it.

use std::time::Duration;

use super::{
    CallResult,
    bucket::{Micros, micros},
};

/// What is kept of a failure's text.
pub(super) const ERROR_KEPT: usize = 200;

/// How a breaker behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row until it opens.
    pub failures: u32,
    /// A failure that came so long after the one before it starts counting anew.
    pub window: Duration,
    /// How long it stays open at first; doubled at each failed try.
    pub open_for: Duration,
    /// How long it stays open at most.
    pub longest: Duration,
    /// How many calls may try at once.
    pub probes: u32,
    /// A try that was not heard of for so long is given up.
    pub probe_for: Duration,
    /// How many tries must succeed.
    pub successes: u32,
}

impl Default for BreakerPolicy {
    /// Five failures within two minutes of each other; open for thirty seconds to fifteen minutes; one try at a time,
    /// two must succeed.
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(120),
            open_for: Duration::from_secs(30),
            longest: Duration::from_secs(15 * 60),
            probes: 1,
            probe_for: Duration::from_secs(120),
            successes: 2,
        }
    }
}

impl BreakerPolicy {
    /// What scripts are given.
    pub(super) fn numbers(&self) -> [f64; 6] {
        [
            f64::from(self.failures),
            micros(self.window),
            micros(self.open_for),
            micros(self.longest),
            micros(self.probe_for),
            f64::from(self.successes),
        ]
    }

    /// How long it stays open the `nth` time without a success between.
    fn open_time(&self, nth: u32) -> Micros {
        let doubled = micros(self.open_for) * 2f64.powi(nth.saturating_sub(1).min(40) as i32);
        doubled.min(micros(self.longest).max(micros(self.open_for)))
    }
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Calls pass.
    Closed,
    /// No call passes.
    Open,
    /// A few calls pass, to try.
    HalfOpen,
}

impl Phase {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Closed => "closed",
            Phase::Open => "open",
            Phase::HalfOpen => "half-open",
        }
    }

    /// Its number in metrics: nought when closed, one when open, a half between.
    pub fn level(self) -> f64 {
        match self {
            Phase::Closed => 0.0,
            Phase::HalfOpen => 0.5,
            Phase::Open => 1.0,
        }
    }
}

/// The state of a breaker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Breaker {
    /// Failures in a row.
    pub(super) failures: u32,
    /// When the last of them was.
    pub(super) failed_at: Micros,
    /// How often it opened, ever.
    pub(super) epoch: u64,
    /// How often it opened since it was last closed.
    pub(super) streak: u32,
    /// Until when it is open; nought when it is closed.
    pub(super) until: Micros,
    /// Tries that succeeded since it was last open.
    pub(super) successes: u32,
    /// What the last failure said.
    pub(super) error: String,
}

impl Breaker {
    /// Where it stands.
    pub(super) fn phase(&self, now: Micros) -> Phase {
        if self.until == 0.0 {
            Phase::Closed
        } else if now < self.until {
            Phase::Open
        } else {
            Phase::HalfOpen
        }
    }

    /// Would a success leave it as it is?
    pub(super) fn is_quiet(&self) -> bool {
        self.until == 0.0 && self.failures == 0
    }

    /// Notes how a call went that was let through in this epoch.
    pub(super) fn report(&mut self, policy: &BreakerPolicy, epoch: u64, result: &CallResult, now: Micros) {
        if epoch != self.epoch {
            return;
        }
        match (self.phase(now), result) {
            (_, CallResult::Unknown) | (Phase::Open, _) => {}
            (Phase::Closed, CallResult::Works) => self.failures = 0,
            (Phase::HalfOpen, CallResult::Works) => {
                self.successes += 1;
                if self.successes >= policy.successes {
                    (self.failures, self.streak, self.until, self.successes) = (0, 0, 0.0, 0);
                }
            }
            (phase, CallResult::Fails { error }) => {
                let apart = now - self.failed_at > micros(policy.window);
                self.failures = if apart && phase == Phase::Closed { 1 } else { self.failures + 1 };
                self.failed_at = now;
                self.error = error.chars().take(ERROR_KEPT).collect();
                if phase == Phase::HalfOpen || self.failures >= policy.failures {
                    self.epoch += 1;
                    self.streak += 1;
                    self.successes = 0;
                    self.until = now + policy.open_time(self.streak);
                }
            }
        }
    }
}
