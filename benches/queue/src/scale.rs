//! Numbers of jobs, samples and rounds.

use crate::contenders::Store;

/// Numbers of jobs, samples and rounds.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    /// Pickups per round.
    pub(crate) samples: usize,
    /// Seconds during which an idle worker is measured.
    pub(crate) idle: usize,
    /// Numbers of waiting jobs with which a claim is measured.
    pub(crate) waiting: Vec<usize>,
    /// Syncs that the users part runs once in each round.
    pub(crate) syncs: usize,
}

/// Numbers of jobs pushed in each way before the drain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pushes {
    pub(crate) one_by_one: usize,
    pub(crate) producers: usize,
    pub(crate) bulk: usize,
}

impl Pushes {
    pub(crate) fn total(self) -> usize {
        self.one_by_one + self.producers + self.bulk
    }
}

impl Scale {
    pub(crate) fn new(quick: bool, rounds: Option<usize>) -> Self {
        let (samples, idle, syncs) = if quick { (60, 4, 1_000) } else { (300, 10, 4_000) };
        let waiting = if quick { vec![1_000, 20_000] } else { vec![1_000, 10_000, 100_000, 1_000_000] };
        let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
        Self { quick, rounds, samples, idle, waiting, syncs }
    }

    pub(crate) fn pushes(&self, store: Store) -> Pushes {
        let (one_by_one, producers, bulk) = match (store, self.quick) {
            (Store::Redis, false) => (2_000, 16_000, 42_000),
            (Store::Redis, true) => (500, 4_000, 10_500),
            (_, false) => (1_000, 4_800, 14_200),
            (_, true) => (100, 800, 3_100),
        };
        Pushes { one_by_one, producers, bulk }
    }
}
