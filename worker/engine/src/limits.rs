//! What a platform counts, who may use how much of it, and what its answers tell of it. Plain types: the state is kept by
//! whoever makes the calls.

use std::{borrow::Cow, time::Duration};

/// No wait is longer, whatever a platform says.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// One limit of an account: so much per time, or so many at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Unique per subject, short, letters and `_-.:/` only: it is part of keys and of what people read.
    pub name: Cow<'static, str>,
    /// How it is counted.
    pub rule: Rule,
}

/// How a dimension is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// So much per time.
    Rate {
        /// This much, until the platform tells another figure.
        limit: f64,
        /// In this time.
        window: Duration,
        /// This much of it may be used at once.
        burst: f64,
        /// How the platform gives it back.
        refill: Refill,
    },
    /// So many at once.
    Concurrent {
        /// This many.
        limit: u32,
        /// A slot is free again after this time even if its holder never says so, because it died.
        hold: Duration,
    },
}

/// How a platform gives back what was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// All the time, as a leaky bucket does. In any time `t` no more than `burst + limit / window * t` is granted.
    Steady,
    /// All of it when a window ends. In any time of the window's length no more than `limit` is granted, wherever the
    /// platform's windows begin; what its headers say about the present window narrows that further.
    AtReset,
}

impl Dimension {
    /// A limit that refills all the time, a tenth of it usable at once.
    pub fn steady(name: impl Into<Cow<'static, str>>, limit: f64, window: Duration) -> Self {
        let burst = (limit / 10.0).max(1.0);
        Self { name: name.into(), rule: Rule::Rate { limit, window, burst, refill: Refill::Steady } }
    }

    /// A limit for windows of time, a tenth of it usable at once.
    pub fn windowed(name: impl Into<Cow<'static, str>>, limit: f64, window: Duration) -> Self {
        let burst = (limit / 10.0).max(1.0);
        Self { name: name.into(), rule: Rule::Rate { limit, window, burst, refill: Refill::AtReset } }
    }

    /// At most so many at once, each for no longer than this.
    pub fn concurrent(name: impl Into<Cow<'static, str>>, limit: u32, hold: Duration) -> Self {
        Self { name: name.into(), rule: Rule::Concurrent { limit, hold } }
    }

    /// The same with another burst.
    #[must_use]
    pub fn with_burst(mut self, amount: f64) -> Self {
        if let Rule::Rate { burst, .. } = &mut self.rule {
            *burst = amount;
        }
        self
    }
}

/// How urgent a call is. A lower lane leaves a share of every dimension to the higher ones, and stands back while a
/// higher one waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A person's edit; may use everything.
    Edit,
    /// What failed before; leaves a tenth.
    Retry,
    /// The regular look for changes; leaves a quarter.
    Poll,
    /// Reading everything for the first time; leaves half.
    Backfill,
}

impl Lane {
    /// Every lane, the most urgent first.
    pub const ALL: [Lane; 4] = [Lane::Edit, Lane::Retry, Lane::Poll, Lane::Backfill];

    /// The share of a dimension that this lane leaves to the ones above it.
    pub fn reserve(self) -> f64 {
        match self {
            Lane::Edit => 0.0,
            Lane::Retry => 0.1,
            Lane::Poll => 0.25,
            Lane::Backfill => 0.5,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Lane::Edit => "edit",
            Lane::Retry => "retry",
            Lane::Poll => "poll",
            Lane::Backfill => "backfill",
        }
    }

    /// Its place, from nought for the most urgent.
    pub fn rank(self) -> usize {
        self as usize
    }
}

/// What a platform said about its limits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Learned {
    /// No call at all for this long, as `Retry-After` says.
    pub blocked_for: Option<Duration>,
    /// What it said about single dimensions.
    pub observed: Vec<Observed>,
}

/// What a platform said about one dimension, in lengths of time from now: its clock is not the store's.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Which dimension.
    pub dimension: Dimension,
    /// How much there is in a window.
    pub limit: Option<f64>,
    /// How much of it is left.
    pub remaining: Option<f64>,
    /// How long until there is all of it again.
    pub reset_in: Option<Duration>,
}

impl Learned {
    /// Says nothing?
    pub fn is_empty(&self) -> bool {
        self.blocked_for.is_none() && self.observed.is_empty()
    }
}
