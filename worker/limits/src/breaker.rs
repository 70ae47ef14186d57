//! A circuit breaker: after several failures in a row it blocks calls, and later lets a few through as probes.
//!
//! ```text
//!            `failures` in a row                       its time is over
//!   closed ------------------------------->  open  ----------------------> half-open
//!     ^                                       ^                              |    |
//!     |                                       '---- a probe fails: twice ----'    |
//!     |                                             as long, up to a cap          |
//!     '----------------------- `successes` probes succeed ------------------------'
//! ```
//!
//! Each opening starts an epoch. Results of calls from an earlier epoch are ignored: a call that was in progress when
//! the breaker opened must neither open it again nor close it.

use std::time::Duration;

use super::{
    CallResult,
    bucket::{Micros, micros},
};

/// The longest stored error text, in characters.
pub(super) const ERROR_KEPT: usize = 200;

/// The settings of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Failures in a row until it opens.
    pub failures: u32,
    /// A failure later than this after the previous one starts a new count.
    pub window: Duration,
    /// How long it stays open at first; doubled after each failed probe.
    pub open_for: Duration,
    /// The longest time it stays open.
    pub longest: Duration,
    /// The most probes at once.
    pub probes: u32,
    /// The timeout of a probe without a result.
    pub probe_for: Duration,
    /// The successful probes needed to close it.
    pub successes: u32,
}

impl Default for BreakerPolicy {
    /// Opens after five failures within two minutes of each other, for thirty seconds to fifteen minutes. It allows one
    /// probe at a time; two must succeed.
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
    /// Returns the numbers that scripts take.
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

    /// Returns how long it stays open the `nth` time in a row.
    fn open_time(&self, nth: u32) -> Micros {
        let doubled = micros(self.open_for) * 2f64.powi(nth.saturating_sub(1).min(40) as i32);
        doubled.min(micros(self.longest).max(micros(self.open_for)))
    }
}

/// The phase of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// All calls pass.
    Closed,
    /// No call passes.
    Open,
    /// A few calls pass, as probes.
    HalfOpen,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Closed => "closed",
            Phase::Open => "open",
            Phase::HalfOpen => "half-open",
        }
    }

    /// Returns its value in metrics: zero when closed, one when open, a half when half-open.
    pub fn level(self) -> f64 {
        match self {
            Phase::Closed => 0.0,
            Phase::HalfOpen => 0.5,
            Phase::Open => 1.0,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Breaker {
    /// Failures in a row.
    pub(super) failures: u32,
    /// The time of the last failure.
    pub(super) failed_at: Micros,
    /// How often it has opened.
    pub(super) epoch: u64,
    /// How often it has opened since it was last closed.
    pub(super) streak: u32,
    /// The end of the open phase; zero when closed.
    pub(super) until: Micros,
    /// Successful probes since it was last open.
    pub(super) successes: u32,
    /// The text of the last failure.
    pub(super) error: String,
}

impl Breaker {
    pub(super) fn phase(&self, now: Micros) -> Phase {
        if self.until == 0.0 {
            Phase::Closed
        } else if now < self.until {
            Phase::Open
        } else {
            Phase::HalfOpen
        }
    }

    /// True if a success would not change it.
    pub(super) fn is_quiet(&self) -> bool {
        self.until == 0.0 && self.failures == 0
    }

    /// Applies the result of a call that was let through in this epoch.
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
