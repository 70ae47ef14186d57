//! Decides how many rows a batch takes, and how long to rest after it.

use std::time::Duration;

/// Batches are powers of two within these bounds, so that their few statements stay prepared.
const SMALLEST: usize = 16;
const LARGEST: usize = 1_024;
/// After a longer transaction the batch size is halved: a writer may have to wait that long.
const LONG: Duration = Duration::from_millis(40);
/// After a shorter one it may be doubled.
const SHORT: Duration = Duration::from_millis(12);
/// A dry run writes nothing, so only memory limits its batches.
const DRY: usize = 2_048;

/// Adapts the batch size to the time that transactions take.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    size: usize,
    dry: bool,
}

impl Pace {
    pub(super) fn new(dry: bool) -> Pace {
        Pace { size: if dry { DRY } else { 256 }, dry }
    }

    /// Returns the size of the next batch.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Notes the time of a batch's transaction, and returns how long to rest: equally long, so that other work gets at
    /// least half of the database's time.
    pub(super) fn took(&mut self, time: Duration) -> Duration {
        if self.dry {
            return Duration::ZERO;
        }
        if time > LONG {
            self.size = (self.size / 2).max(SMALLEST);
        } else if time < SHORT {
            self.size = (self.size * 2).min(LARGEST);
        }
        time.clamp(Duration::from_millis(2), Duration::from_millis(250))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_shrink_while_the_database_is_slow_and_grow_again() {
        let mut pace = Pace::new(false);
        for _ in 0..20 {
            pace.took(Duration::from_millis(80));
        }
        assert_eq!(pace.size(), SMALLEST);
        pace.took(Duration::from_millis(20));
        assert_eq!(pace.size(), SMALLEST);
        for _ in 0..20 {
            pace.took(Duration::from_millis(1));
        }
        assert_eq!(pace.size(), LARGEST);
    }

    #[test]
    fn half_of_the_time_is_left_to_others() {
        assert_eq!(Pace::new(false).took(Duration::from_millis(30)), Duration::from_millis(30));
        assert_eq!(Pace::new(true).took(Duration::from_millis(30)), Duration::ZERO);
    }
}
