//! The arithmetic of one dimension of rate.
//!
//! Times are microseconds since the epoch, kept as doubles: these are exact for two more centuries, and Lua scripts use
//! the same numbers, so both stores agree to the last bit. `lua/bucket.lua` contains the same arithmetic as this file;
//! a differential test compares the two.
//!
//! A bucket is one number: the time at which it will be full. Its level at `now` is the time needed to fill it from
//! zero, minus the time until it is full. Taking moves that time on by `amount × interval`; a level of zero is the
//! limit. Beside it, the bucket stores what the platform reported as left in its current window.

use std::time::Duration;

use syncline_engine::limits::{LONGEST_WAIT, Lane, Observed, Refill, Rule};

/// A time or a duration in microseconds.
pub(super) type Micros = f64;

/// How long after its turn a refused request still holds back lower lanes.
pub(super) const HOLD: Micros = 500_000.0;
/// The longest time ahead for which the turn of a refused request is remembered.
pub(super) const MEMORY: Micros = 10_000_000.0;
/// The longest debt; no window is longer, and the rest is dropped.
pub(super) const LONGEST: Micros = 60.0 * 86_400e6;
/// Window ends that differ by less than this are equal: platforms report whole seconds.
pub(super) const SAME_WINDOW: Micros = 2_000_000.0;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bucket {
    /// The time at which it is full.
    pub(super) full_at: Micros,
    /// What is left of the platform's current window.
    pub(super) left: f64,
    /// The end of that window; unknown if it is zero or past.
    pub(super) until: Micros,
    /// The limit that the platform reported; zero if it did not.
    pub(super) limit: f64,
    /// For each of the three higher lanes: until when a waiting request holds back the lanes below.
    pub(super) wanted: [Micros; 3],
}

/// A rate, in the form used for computing.
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
                    // Part of the limit must return over time.
                    Refill::AtReset => positive(burst).min(limit / 2.0),
                };
                Some(Rate { limit, window, burst, refill })
            }
            Rule::Concurrent { .. } => None,
        }
    }

    /// Applies the limit that the platform reported, and scales the burst to it.
    fn told(self, limit: f64) -> Rate {
        if limit > 0.0 { Rate { limit, burst: self.burst * limit / self.limit, ..self } } else { self }
    }

    /// Returns how long it takes until one unit is back.
    fn interval(self) -> Micros {
        match self.refill {
            Refill::Steady => self.window / self.limit,
            Refill::AtReset => self.window / (self.limit - self.burst),
        }
    }

    /// Returns the numbers that scripts take.
    pub(super) fn numbers(self) -> [f64; 4] {
        let at_reset = if self.refill == Refill::AtReset { 1.0 } else { 0.0 };
        [self.limit, self.window, self.burst, at_reset]
    }
}

/// Clamps a limit to a range that doubles can handle. A limit that is not a positive number becomes one per
/// window, the most careful reading.
fn positive(number: f64) -> f64 {
    if number > 0.0 { number.clamp(1e-6, 1e12) } else { 1.0 }
}

pub(super) fn micros(length: Duration) -> Micros {
    // Whole numbers, so that sums stay exact.
    (length.as_secs_f64() * 1e6).round().min(LONGEST)
}

/// Converts to a duration, at most [`LONGEST_WAIT`].
pub(super) fn length(micros: Micros) -> Duration {
    Duration::from_micros(micros.ceil().clamp(0.0, self::micros(LONGEST_WAIT)) as u64)
}

/// Returns the limit that a platform reported; `None` if it is not positive.
pub(super) fn limit_of(observed: &Observed) -> Option<f64> {
    observed.limit.filter(|limit| *limit > 0.0).map(positive)
}

/// Returns what a platform reported as left; `None` if it is not a number.
pub(super) fn remaining_of(observed: &Observed) -> Option<f64> {
    observed.remaining.filter(|remaining| !remaining.is_nan()).map(|remaining| remaining.clamp(0.0, 1e12))
}

impl Bucket {
    /// Returns how long until `amount` can be taken; zero if now.
    pub(super) fn wait(&self, rate: Rate, lane: Lane, amount: f64, now: Micros) -> Micros {
        let rate = rate.told(self.limit);
        let interval = rate.interval();
        let usable = rate.burst * (1.0 - lane.reserve());
        // An amount larger than the bucket needs a full bucket; the rest becomes debt.
        let needed = amount.min(usable);
        let owed = (self.full_at - now).max(0.0);
        let mut wait = (owed - (usable - needed) * interval).max(0.0);
        if self.until > now {
            let to_reset = self.until - now;
            let spare = self.left - amount.min(rate.limit);
            // The reserve shrinks toward the end of the window.
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

    /// Takes the amount, even if it is not available.
    pub(super) fn take(&mut self, rate: Rate, lane: Lane, amount: f64, now: Micros) {
        let rate = rate.told(self.limit);
        self.full_at = (self.full_at.max(now) + amount * rate.interval()).ceil().min(now + LONGEST);
        if self.until > now {
            self.left = (self.left - amount).max(0.0);
        }
        self.take_turn(lane);
    }

    /// Clears the mark of a waiting request in this lane: it has had its turn.
    pub(super) fn take_turn(&mut self, lane: Lane) {
        if let Some(wanted) = self.wanted.get_mut(lane.rank()) {
            *wanted = 0.0;
        }
    }

    /// Marks that a request of this lane waits. The lowest lane has no mark, as no lane is below it.
    pub(super) fn want(&mut self, lane: Lane, wait: Micros, now: Micros) {
        if let Some(wanted) = self.wanted.get_mut(lane.rank()) {
            *wanted = wanted.max(now + wait.min(MEMORY) + HOLD);
        }
    }

    /// Applies what the platform reported. This never raises the level, except when a new window has begun.
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
                    // A newer window is known already, so this answer is outdated.
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

    /// Returns how long until it is full.
    pub(super) fn full_in(&self, now: Micros) -> Duration {
        length(self.full_at - now)
    }

    /// Returns what is left of the platform's window, and the time until the window ends.
    pub(super) fn remaining(&self, now: Micros) -> Option<(f64, Duration)> {
        (self.until > now).then(|| (self.left, length(self.until - now)))
    }
}
