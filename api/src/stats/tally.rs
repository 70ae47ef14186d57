//! How the numbers of one sync, or of all, come together.

use sea_orm::{DbErr, Iterable, QueryResult};
use syncline_entity::types::{RunStatus, SyncStatus};

use super::Numbers;

/// What is summed over runs, and read in this order.
pub(super) const SUMMED: [&str; 9] = [
    "items_synced",
    "items_failed",
    "items_skipped",
    "created",
    "updated",
    "deleted",
    "conflicts",
    "api_calls",
    "duration_ms",
];

/// The numbers of one sync, and what the derived ones are made of.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) numbers: Numbers,
    pub(super) succeeded: i64,
    run_ms: i64,
}

impl Tally {
    pub(super) fn add_sums(&mut self, row: &QueryResult) -> Result<(), DbErr> {
        let numbers = &mut self.numbers;
        let fields = [
            &mut numbers.items_synced,
            &mut numbers.items_failed,
            &mut numbers.items_skipped,
            &mut numbers.created,
            &mut numbers.updated,
            &mut numbers.deleted,
            &mut numbers.conflicts,
            &mut numbers.api_calls,
            &mut self.run_ms,
        ];
        for (field, name) in fields.into_iter().zip(SUMMED) {
            *field += row.try_get::<i64>("", name)?;
        }
        Ok(())
    }

    pub(super) fn plus(mut self, other: &Tally) -> Tally {
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
        self
    }

    /// The numbers, with those that follow from others.
    pub(super) fn finish(self) -> Numbers {
        let Tally { mut numbers, succeeded, run_ms } = self;
        let ended = numbers.runs[&RunStatus::Completed] + numbers.runs[&RunStatus::Failed];
        numbers.success_rate = (ended > 0).then(|| succeeded as f64 / ended as f64);
        numbers.throughput = (run_ms > 0).then(|| numbers.items_synced as f64 * 1000.0 / run_ms as f64);
        numbers
    }
}

impl Default for Numbers {
    /// Nothing yet, with a zero for every status.
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

impl Numbers {
    /// Notes how long the run at this place among so many took, where the place is one that is shown.
    pub(super) fn place(&mut self, took: i64, place: i64, number: i64) {
        let durations = self.duration_ms.get_or_insert_default();
        if place == (number * 50 + 99) / 100 {
            durations.p50 = took;
        }
        if place == (number * 95 + 99) / 100 {
            durations.p95 = took;
        }
        if place == number {
            durations.max = took;
        }
    }
}
