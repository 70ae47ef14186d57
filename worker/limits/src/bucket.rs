//! The arithmetic of one dimension of rate.
//!
//! Times are microseconds since the epoch, kept as doubles: exact for two centuries to come, and the same numbers that
//! a Lua script calculates with, so that both stores agree to the last bit. `lua/bucket.lua` says the
//! same as this file; a differential test compares them.
//!
//! A bucket is one number: the time at which it will be full. Its level at `now` is what that time is short of the
//! time that filling it from nothing takes. Taking moves the time on by `amount × interval`, and a level of nought is the
//! limit. Beside it stands what the platform said is left of its present window.

use std::time::Duration;

use syncline_engine::limits::{LONGEST_WAIT, Lane, Observed, Refill, Rule};

/// A time or a length of time in microseconds.
pub(super) type Micros = f64;

/// A refused request keeps lower lanes back until its turn and for so long after it.
pub(super) const HOLD: Micros = 500_000.0;
/// The turn of a refused request is remembered at most so far ahead.
pub(super) const MEMORY: Micros = 10_000_000.0;
/// What would be owed for longer is forgiven: no window is longer.
pub(super) const LONGEST: Micros = 60.0 * 86_400e6;
/// Two ends of a window that are no further apart than this are the same: platforms tell whole seconds.
pub(super) const SAME_WINDOW: Micros = 2_000_000.0;

/// The state of one dimension.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bucket {
    /// When it is full.
    pub(super) full_at: Micros,
    /// What the platform left in its present window.
    pub(super) left: f64,
    /// When that window ends; past or nought: nothing is known.
    pub(super) until: Micros,
    /// The limit that the platform told; nought: it did not.
    pub(super) limit: f64,
    /// Until when a waiting request of the three higher lanes keeps the ones below it back.
    pub(super) wanted: [Micros; 3],
}

/// A rate as the arithmetic needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    limit: f64,
    window: Micros,
    burst: f64,
    refill: Refill,
}

impl Rate {
    pub(super) fn of(rule: &Rule) -> Option<Rate> {
        match *rule {
            Rule::Rate { limit, window, burst, refill } => {
                let limit = positive(limit);
                let window = micros(window).max(1.0);
                let burst = match refill {
                    Refill::Steady => positive(burst),
                    // Something must be left that comes back with time.
                    Refill::AtReset => positive(burst).min(limit / 2.0),
                };
                Some(Rate { limit, window, burst, refill })
            }
            Rule::Concurrent { .. } => None,
        }
    }

    /// The same with the limit that the platform told, the burst in proportion.
    fn told(self, limit: f64) -> Rate {
        if limit > 0.0 { Rate { limit, burst: self.burst * limit / self.limit, ..self } } else { self }
    }

    /// How long one unit takes to come back.
    fn interval(self) -> Micros {
        match self.refill {
            Refill::Steady => self.window / self.limit,
            Refill::AtReset => self.window / (self.limit - self.burst),
        }
    }

    /// What scripts are given.
    pub(super) fn numbers(self) -> [f64; 4] {
        let at_reset = if self.refill == Refill::AtReset { 1.0 } else { 0.0 };
        [self.limit, self.window, self.burst, at_reset]
    }
}

/// No sense is made of a limit that is no positive number: one per window is the most careful reading. Others are kept
/// within what doubles can calculate with.
fn positive(number: f64) -> f64 {
    if number > 0.0 { number.clamp(1e-6, 1e12) } else { 1.0 }
}

pub(super) fn micros(length: Duration) -> Micros {
    // Whole numbers, so that sums stay exact.
    (length.as_secs_f64() * 1e6).round().min(LONGEST)
}

/// A length as callers get it, at most [`LONGEST_WAIT`].
pub(super) fn length(micros: Micros) -> Duration {
    Duration::from_micros(micros.ceil().clamp(0.0, self::micros(LONGEST_WAIT)) as u64)
}

/// The limit that a platform told; none where that is no limit.
pub(super) fn limit_of(observed: &Observed) -> Option<f64> {
    observed.limit.filter(|limit| *limit > 0.0).map(positive)
}

/// What a platform said is left; none where that is no number.
pub(super) fn remaining_of(observed: &Observed) -> Option<f64> {
    observed.remaining.filter(|remaining| !remaining.is_nan()).map(|remaining| remaining.clamp(0.0, 1e12))
}

impl Bucket {
    /// How long until `amount` can be taken; nought: now.
    pub(super) fn wait(&self, rate: Rate, lane: Lane, amount: f64, now: Micros) -> Micros {
        let rate = rate.told(self.limit);
        let interval = rate.interval();
        let usable = rate.burst * (1.0 - lane.reserve());
        // More than there ever is: all of it must be there, and the rest is owed.
        let needed = amount.min(usable);
        let owed = (self.full_at - now).max(0.0);
        let mut wait = (owed - (usable - needed) * interval).max(0.0);
        if self.until > now {
            let to_reset = self.until - now;
            let spare = self.left - amount.min(rate.limit);
            // The reserve shrinks as the window comes to its end.
            let reserve = rate.limit * lane.reserve();
            let window = if spare < 0.0 {
                to_reset
            } else if reserve > 0.0 {
                (to_reset - spare * rate.window / reserve).max(0.0)
            } else {
                0.0
            };
            wait = wait.max(window);
        }
        for wanted in &self.wanted[..lane.rank()] {
            wait = wait.max(wanted - now);
        }
        wait.ceil()
    }

    /// Takes it, whether it is there or not.
    pub(super) fn take(&mut self, rate: Rate, lane: Lane, amount: f64, now: Micros) {
        let rate = rate.told(self.limit);
        self.full_at = (self.full_at.max(now) + amount * rate.interval()).ceil().min(now + LONGEST);
        if self.until > now {
            self.left = (self.left - amount).max(0.0);
        }
        self.take_turn(lane);
    }

    /// Who waited in this lane has had a turn.
    pub(super) fn take_turn(&mut self, lane: Lane) {
        if let Some(wanted) = self.wanted.get_mut(lane.rank()) {
            *wanted = 0.0;
        }
    }

    /// Remembers that a request of this lane waits. Nobody stands back for the lowest one.
    pub(super) fn want(&mut self, lane: Lane, wait: Micros, now: Micros) {
        if let Some(wanted) = self.wanted.get_mut(lane.rank()) {
            *wanted = wanted.max(now + wait.min(MEMORY) + HOLD);
        }
    }

    /// Takes in what the platform said. It never adds to what is there, except where a new window began.
    pub(super) fn learn(&mut self, rate: Rate, observed: &Observed, now: Micros) {
        if let Some(limit) = limit_of(observed) {
            self.limit = limit;
        }
        let Some(remaining) = remaining_of(observed) else { return };
        let rate = rate.told(self.limit);
        match rate.refill {
            Refill::Steady => {
                let missing = rate.burst - remaining.min(rate.burst);
                self.full_at = self.full_at.max((now + missing * rate.interval()).ceil());
            }
            Refill::AtReset => {
                let reset_in = observed.reset_in.map_or(rate.window, micros).min(micros(LONGEST_WAIT));
                let until = now + reset_in;
                if self.until > now && until < self.until - SAME_WINDOW {
                    // An answer that was overtaken by a later window's.
                    return;
                }
                let same = self.until > now && until <= self.until + SAME_WINDOW;
                self.left = if same { self.left.min(remaining) } else { remaining };
                self.until = if same { self.until } else { until };
                if !same {
                    self.wanted = [0.0; 3];
                }
            }
        }
    }

    /// How long until it is full.
    pub(super) fn full_in(&self, now: Micros) -> Duration {
        length(self.full_at - now)
    }

    /// What the platform left, and for how long that holds.
    pub(super) fn remaining(&self, now: Micros) -> Option<(f64, Duration)> {
        (self.until > now).then(|| (self.left, length(self.until - now)))
    }
}
