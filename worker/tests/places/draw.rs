//! Everything that is drawn for a pair comes from one seed.

use rand::{Rng, SeedableRng, rngs::StdRng};

/// A source of choices.
pub(crate) struct Draw(StdRng);

impl Draw {
    pub(crate) fn of(seed: u64) -> Draw {
        Draw(StdRng::seed_from_u64(seed))
    }

    /// A number below `limit`, which is at least 1.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0.random_range(0..limit.max(1))
    }

    /// True in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// An index of one of the items that fit, if any does.
    pub(crate) fn position<T>(&mut self, from: &[T], fits: impl Fn(&T) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..from.len()).filter(|place| fits(&from[*place])).collect();
        (!fitting.is_empty()).then(|| self.pick(&fitting))
    }

    /// The items in another order.
    pub(crate) fn shuffled<T>(&mut self, mut items: Vec<T>) -> Vec<T> {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
        items
    }
}
