//! Statistics: totals of a sync's runs that ended within an hour, a day or a month.
//!
//! A run is in its three rows exactly if its `sync_history.rolled_up` is true, because one transaction writes both.
//! History may be purged then; these rows stay.

use chrono::{DateTime, Datelike, Months, NaiveTime, SubsecRound, TimeDelta, Timelike, Utc};
use sea_orm::entity::prelude::*;

use crate::{
    histogram::Histogram,
    types::{RunStatus, Span},
};

/// Totals of a sync's runs that ended within a span of time. Excludes runs that only planned.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_stats")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    /// The length of the span.
    #[sea_orm(primary_key, auto_increment = false)]
    pub span: Span,
    /// The start of the span, in UTC.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: DateTimeUtc,
    /// The kind of items that the sync had at that time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub entity_type: String,
    /// Runs that completed.
    pub runs_completed: i64,
    /// Runs that ended without doing their work.
    pub runs_failed: i64,
    /// Runs that were cancelled.
    pub runs_cancelled: i64,
    /// Runs that were held by the delete guard.
    pub runs_held: i64,
    /// Runs without a failed item.
    pub runs_succeeded: i64,
    /// Items in sync at the end of their run.
    pub items_synced: i64,
    pub items_failed: i64,
    /// Items left alone.
    pub items_skipped: i64,
    pub created: i64,
    pub updated: i64,
    /// Items deleted, archived or closed.
    pub deleted: i64,
    pub conflicts: i64,
    /// Calls to platforms.
    pub api_calls: i64,
    /// Total milliseconds of all runs.
    pub duration_sum_ms: i64,
    /// Milliseconds of the longest run.
    pub duration_max_ms: i64,
    /// Milliseconds of each run.
    pub durations: Histogram,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id",
        on_delete = "Cascade"
    )]
    SyncConfig,
}

impl Related<super::sync_config::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncConfig.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Statistics without runs.
    pub fn empty(sync_config_id: i64, entity_type: &str, span: Span, bucket: DateTimeUtc) -> Self {
        Self {
            sync_config_id,
            span,
            bucket,
            entity_type: entity_type.to_owned(),
            runs_completed: 0,
            runs_failed: 0,
            runs_cancelled: 0,
            runs_held: 0,
            runs_succeeded: 0,
            items_synced: 0,
            items_failed: 0,
            items_skipped: 0,
            created: 0,
            updated: 0,
            deleted: 0,
            conflicts: 0,
            api_calls: 0,
            duration_sum_ms: 0,
            duration_max_ms: 0,
            durations: Histogram::default(),
        }
    }

    /// Adds the runs of another span.
    pub fn add(&mut self, other: &Model) {
        self.runs_completed += other.runs_completed;
        self.runs_failed += other.runs_failed;
        self.runs_cancelled += other.runs_cancelled;
        self.runs_held += other.runs_held;
        self.runs_succeeded += other.runs_succeeded;
        self.items_synced += other.items_synced;
        self.items_failed += other.items_failed;
        self.items_skipped += other.items_skipped;
        self.created += other.created;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.conflicts += other.conflicts;
        self.api_calls += other.api_calls;
        self.duration_sum_ms += other.duration_sum_ms;
        self.duration_max_ms = self.duration_max_ms.max(other.duration_max_ms);
        self.durations.add(&other.durations);
    }

    /// Counts a run that ended with this status.
    pub fn count(&mut self, status: RunStatus, success: bool, took_ms: Option<i64>) {
        match status {
            RunStatus::Completed => self.runs_completed += 1,
            RunStatus::Failed => self.runs_failed += 1,
            RunStatus::Cancelled => self.runs_cancelled += 1,
            RunStatus::Held => self.runs_held += 1,
            RunStatus::Queued | RunStatus::InProgress => {}
        }
        self.runs_succeeded += i64::from(success);
        if let Some(took) = took_ms {
            self.duration_sum_ms += took;
            self.duration_max_ms = self.duration_max_ms.max(took);
            self.durations.record(took, 1);
        }
    }

    /// Returns the total number of runs.
    pub fn runs(&self) -> i64 {
        self.runs_completed + self.runs_failed + self.runs_cancelled + self.runs_held
    }
}

impl Span {
    /// Returns the start of the span that contains a time.
    pub fn begin_of(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let date = time.date_naive();
        let begin = match self {
            Span::Hour => {
                return time
                    .with_minute(0)
                    .and_then(|time| time.with_second(0))
                    .unwrap_or(time)
                    .trunc_subsecs(0);
            }
            Span::Day => date,
            Span::Month => date.with_day(1).unwrap_or(date),
        };
        begin.and_time(NaiveTime::MIN).and_utc()
    }

    /// Returns the first start of a span not before a time; the latest possible time if there is none.
    pub fn begin_from(self, time: DateTime<Utc>) -> DateTime<Utc> {
        let begin = self.begin_of(time);
        if begin == time {
            return time;
        }
        let next = match self {
            Span::Hour => begin.checked_add_signed(TimeDelta::hours(1)),
            Span::Day => begin.checked_add_signed(TimeDelta::days(1)),
            Span::Month => begin.checked_add_months(Months::new(1)),
        };
        next.unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_where_clocks_and_calendars_say() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let odd = time("2026-01-31T23:59:59.999999Z");
        assert_eq!(Span::Hour.begin_of(odd), time("2026-01-31T23:00:00Z"));
        assert_eq!(Span::Day.begin_of(odd), time("2026-01-31T00:00:00Z"));
        assert_eq!(Span::Month.begin_of(odd), time("2026-01-01T00:00:00Z"));
        for span in [Span::Hour, Span::Day, Span::Month] {
            assert_eq!(span.begin_from(odd), time("2026-02-01T00:00:00Z"), "{span}");
            assert_eq!(span.begin_from(time("2026-02-01T00:00:00Z")), time("2026-02-01T00:00:00Z"), "{span}");
        }
        assert_eq!(Span::Month.begin_from(DateTime::<Utc>::MAX_UTC), DateTime::<Utc>::MAX_UTC);
    }
}
