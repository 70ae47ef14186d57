//! Sums up the numbers of one sync or of several.

use sea_orm::Iterable;
use syncline_entity::{
    histogram::Histogram,
    types::{RunStatus, SyncStatus},
};

use super::{Durations, Numbers, pieces::SUMMED};

/// The numbers of one sync or of several, and the values that others are derived from.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) numbers: Numbers,
    pub(super) succeeded: i64,
    pub(super) longest: i64,
    pub(super) durations: Histogram,
    run_ms: i64,
}

impl Tally {
    /// The sums over runs, in the order of their columns.
    pub(super) fn summed(&mut self) -> [&mut i64; SUMMED.len()] {
        let numbers = &mut self.numbers;
        [
            &mut numbers.items_synced,
            &mut numbers.items_failed,
            &mut numbers.items_skipped,
            &mut numbers.created,
            &mut numbers.updated,
            &mut numbers.deleted,
            &mut numbers.conflicts,
            &mut numbers.api_calls,
            &mut self.succeeded,
            &mut self.run_ms,
        ]
    }

    /// Adds another tally.
    pub(super) fn add(&mut self, other: &Tally) {
        let (sum, more) = (&mut self.numbers, &other.numbers);
        for (status, number) in &more.links {
            *sum.links.entry(*status).or_default() += number;
        }
        for (status, number) in &more.runs {
            *sum.runs.entry(*status).or_default() += number;
        }
        sum.open_conflicts += more.open_conflicts;
        sum.items_synced += more.items_synced;
        sum.items_failed += more.items_failed;
        sum.items_skipped += more.items_skipped;
        sum.created += more.created;
        sum.updated += more.updated;
        sum.deleted += more.deleted;
        sum.conflicts += more.conflicts;
        sum.api_calls += more.api_calls;
        self.succeeded += other.succeeded;
        self.run_ms += other.run_ms;
        self.longest = self.longest.max(other.longest);
        self.durations.add(&other.durations);
    }

    /// Returns the numbers, with the derived ones.
    pub(super) fn finish(self) -> Numbers {
        let Tally { mut numbers, succeeded, run_ms, longest, durations } = self;
        let ended = numbers.runs[&RunStatus::Completed] + numbers.runs[&RunStatus::Failed];
        numbers.success_rate = (ended > 0).then(|| succeeded as f64 / ended as f64);
        numbers.throughput = (run_ms > 0).then(|| numbers.items_synced as f64 * 1000.0 / run_ms as f64);
        numbers.duration_ms =
            durations.percentile(50).zip(durations.percentile(95)).map(|(p50, p95)| Durations {
                // The middle of a histogram bucket may lie above its largest value.
                p50: p50.min(longest),
                p95: p95.min(longest),
                max: longest,
            });
        numbers
    }
}

impl Default for Numbers {
    /// All numbers zero, with an entry for every status.
    fn default() -> Self {
        Self {
            links: SyncStatus::iter().map(|status| (status, 0)).collect(),
            open_conflicts: 0,
            runs: RunStatus::iter().map(|status| (status, 0)).collect(),
            success_rate: None,
            duration_ms: None,
            items_synced: 0,
            items_failed: 0,
            items_skipped: 0,
            created: 0,
            updated: 0,
            deleted: 0,
            conflicts: 0,
            api_calls: 0,
            throughput: None,
        }
    }
}
