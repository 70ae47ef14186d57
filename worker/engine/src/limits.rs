//! The limits that a platform sets, how lanes share them, and what its responses reveal about them. Plain types: the
//! caller that sends the requests keeps the state.

use std::{borrow::Cow, time::Duration};

/// Longest wait, whatever a platform asks for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// One limit of an account: an amount per window, or a number of concurrent calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Unique per subject, short, letters and `_-.:/` only: it becomes part of keys and of messages.
    pub name: Cow<'static, str>,
    pub rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// An amount per window.
    Rate {
        /// The amount per window, until the platform reports another one.
        limit: f64,
        window: Duration,
        /// The part of `limit` that may be used at once.
        burst: f64,
        refill: Refill,
    },
    /// A number of concurrent calls.
    Concurrent {
        limit: u32,
        /// A slot is freed after this time even if its worker died and never released it.
        hold: Duration,
    },
}

/// How a platform gives back what was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// Continuously, like a leaky bucket. In any time `t` at most `burst + limit / window * t` is granted.
    Steady,
    /// All of it when a window ends. In any time of the window's length at most `limit` is granted, wherever the
    /// platform's windows begin; what its headers report about the present window narrows that further.
    AtReset,
}

impl Dimension {
    /// A limit that refills continuously, a tenth of it usable at once.
    pub fn steady(name: impl Into<Cow<'static, str>>, limit: f64, window: Duration) -> Self {
        let burst = (limit / 10.0).max(1.0);
        Self { name: name.into(), rule: Rule::Rate { limit, window, burst, refill: Refill::Steady } }
    }

    /// A limit that refills when its window ends, a tenth of it usable at once.
    pub fn windowed(name: impl Into<Cow<'static, str>>, limit: f64, window: Duration) -> Self {
        let burst = (limit / 10.0).max(1.0);
        Self { name: name.into(), rule: Rule::Rate { limit, window, burst, refill: Refill::AtReset } }
    }

    /// At most `limit` concurrent calls; each frees its slot after `hold` at the latest.
    pub fn concurrent(name: impl Into<Cow<'static, str>>, limit: u32, hold: Duration) -> Self {
        Self { name: name.into(), rule: Rule::Concurrent { limit, hold } }
    }

    /// The same limit with another burst.
    #[must_use]
    pub fn with_burst(mut self, amount: f64) -> Self {
        if let Rule::Rate { burst, .. } = &mut self.rule {
            *burst = amount;
        }
        self
    }
}

/// How urgent a call is. A lower lane leaves a share of every dimension to the higher ones, and waits while a call of a
/// higher lane is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// An edit by a person; may use everything.
    Edit,
    /// A retry of something that failed; leaves a tenth.
    Retry,
    /// The regular poll for changes; leaves a quarter.
    Poll,
    /// The first read of everything; leaves half.
    Backfill,
}

impl Lane {
    /// Every lane, most urgent first.
    pub const ALL: [Lane; 4] = [Lane::Edit, Lane::Retry, Lane::Poll, Lane::Backfill];

    /// The share of a dimension that this lane leaves to the higher ones.
    pub fn reserve(self) -> f64 {
        match self {
            Lane::Edit => 0.0,
            Lane::Retry => 0.1,
            Lane::Poll => 0.25,
            Lane::Backfill => 0.5,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Lane::Edit => "edit",
            Lane::Retry => "retry",
            Lane::Poll => "poll",
            Lane::Backfill => "backfill",
        }
    }

    /// The lane's position; 0 is the most urgent.
    pub fn rank(self) -> usize {
        self as usize
    }
}

/// The result of a call, for the breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallResult {
    /// The platform works, even if it refused the call.
    Works,
    /// The platform does not work: no answer, a 5xx, or credentials that it no longer accepts.
    Fails {
        /// A short text for display, without secrets.
        error: String,
    },
    /// Not known: the call was not made, or was limited.
    Unknown,
}

/// What a platform reported about its limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// Send no call for this long (`Retry-After`).
    pub blocked_for: Option<Duration>,
    /// What it reported about single dimensions.
    pub observed: Vec<Observed>,
}

/// What a platform reported about one dimension. Times count from now, because its clock differs from the store's.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    pub dimension: Dimension,
    /// The amount per window.
    pub limit: Option<f64>,
    /// The amount left in the present window.
    pub remaining: Option<f64>,
    /// Time until the full amount is available again.
    pub reset_in: Option<Duration>,
}

impl Learned {
    /// True if the headers gave no limits.
    pub fn is_empty(&self) -> bool {
        self.blocked_for.is_none() && self.observed.is_empty()
    }
}
