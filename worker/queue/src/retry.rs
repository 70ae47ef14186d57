//! How long a job waits before its next attempt: exponential backoff with full jitter.
//!
//! The only file that uses the crate `backoff`. It draws from `interval × (1 ± factor)`, so half the base, half the cap
//! and a factor of one give a draw between zero and the whole interval, never above the cap.

use std::time::Duration;

use backoff::{SystemClock, backoff::Backoff, exponential::ExponentialBackoff};

/// The longest delay of a retry, even if a platform asks for more.
pub const MAX_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How a job's delays grow: the base after the first failure, doubled after each further one, up to the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The upper bound of the first delay.
    pub base: Duration,
    /// The upper bound of every delay.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), cap: Duration::from_secs(10 * 60) }
    }
}

impl RetryPolicy {
    /// Returns the longest delay that can follow this attempt (from 1).
    pub fn bound(&self, attempt: u32) -> Duration {
        let cap = self.cap.min(MAX_DELAY);
        let doublings = attempt.saturating_sub(1).min(63);
        let factor = 2f64.powi(doublings as i32);
        let bound = self.base.as_secs_f64() * factor;
        if bound >= cap.as_secs_f64() { cap } else { Duration::from_secs_f64(bound) }
    }

    /// Draws the delay after this attempt (from 1). A platform's delay is the minimum, up to [`MAX_DELAY`].
    pub fn delay(&self, attempt: u32, at_least: Option<Duration>) -> Duration {
        let drawn = jitter(self.bound(attempt));
        drawn.max(at_least.unwrap_or_default().min(MAX_DELAY))
    }
}

/// Draws a duration between zero and the bound.
pub fn jitter(bound: Duration) -> Duration {
    let half = bound / 2;
    let mut backoff: ExponentialBackoff<SystemClock> = ExponentialBackoff {
        current_interval: half,
        initial_interval: half,
        max_interval: half,
        randomization_factor: 1.0,
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    backoff.next_backoff().unwrap_or(bound).min(bound)
}

/// Waits between calls to a store that does not answer, growing to a few seconds.
#[derive(Debug)]
pub(crate) struct StoreBackoff {
    policy: RetryPolicy,
    failures: u32,
}

impl StoreBackoff {
    pub(crate) fn new() -> Self {
        let policy = RetryPolicy { base: Duration::from_millis(100), cap: Duration::from_secs(5) };
        Self { policy, failures: 0 }
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// At least half of the bound, so that a failing store is never called in a tight loop.
    pub(crate) fn next(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let half = self.policy.bound(self.failures) / 2;
        half + jitter(half)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;

    /// The seed picks policies and attempts; the crate draws the delays itself, so each case has many draws.
    #[test]
    fn every_draw_is_within_its_bound() {
        let mut random = StdRng::seed_from_u64(0x5EED);
        for _ in 0..2_000 {
            let base = Duration::from_millis(random.random_range(0..100_000));
            let cap = Duration::from_millis(random.random_range(0..200_000_000));
            let policy = RetryPolicy { base, cap };
            let attempt = random.random_range(0..200);
            let asked =
                random.random_bool(0.3).then(|| Duration::from_secs(random.random_range(0..10_000_000)));
            let bound = policy.bound(attempt);
            assert!(bound <= cap.min(MAX_DELAY), "{policy:?} {attempt}");
            for _ in 0..20 {
                let delay = policy.delay(attempt, asked);
                let minimum = asked.unwrap_or_default().min(MAX_DELAY);
                assert!(
                    delay >= minimum && delay <= bound.max(minimum),
                    "{delay:?} for {policy:?} {attempt}"
                );
            }
        }
    }

    #[test]
    fn bounds_double_from_the_base_to_the_cap() {
        let policy = RetryPolicy { base: Duration::from_secs(1), cap: Duration::from_secs(10) };
        let bounds: Vec<u64> = (1..=6).map(|attempt| policy.bound(attempt).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn jitter_uses_the_whole_range() {
        let draws: Vec<_> = (0..2_000).map(|_| jitter(Duration::from_secs(8)).as_secs()).collect();
        for eighth in 0..8 {
            assert!(draws.iter().filter(|d| **d == eighth).count() > 120, "nothing in second {eighth}");
        }
    }

    #[test]
    fn an_absurd_retry_after_is_capped() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(1, Some(Duration::MAX)), MAX_DELAY);
        assert_eq!(RetryPolicy { base: Duration::MAX, cap: Duration::MAX }.bound(500), MAX_DELAY);
    }
}
