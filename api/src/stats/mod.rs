//! Statistics of syncs: what the API and the command line show.
//!
//! Links, open conflicts and the last run are as of now; everything else is of runs that ended within the window. Runs
//! that only planned are left out: they did nothing. What takes long to count was counted before: links and
//! conflicts by triggers, runs as they ended, by hour, day and month. The numbers are exact all the same, percentiles apart.

mod pieces;
mod query;
mod scope;
mod tally;
mod window;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use serde::Serialize;
use syncline_entity::types::{RunStatus, SyncStatus};
use uuid::Uuid;

pub use window::Window;

/// Which syncs to count, and over what time. Without a filter: all that are not deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatsFilter {
    /// The sync of this name.
    pub sync: Option<String>,
    /// Syncs of this project.
    pub project: Option<String>,
    /// Syncs with this platform on either side.
    pub platform: Option<String>,
    /// Syncs of this kind of item.
    pub entity_type: Option<String>,
    /// Runs that ended within it.
    pub window: Window,
}

/// Numbers per sync and in total.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The window, as it was asked for.
    pub window: String,
    /// When the window begins; none for all time.
    pub since: Option<DateTime<Utc>>,
    /// When it was counted.
    pub until: DateTime<Utc>,
    /// Each sync, by project and name.
    pub syncs: Vec<SyncStats>,
    /// The syncs that have a platform on either side, together.
    pub by_platform: BTreeMap<String, Numbers>,
    /// The syncs of a kind of item, together.
    pub by_entity_type: BTreeMap<String, Numbers>,
    /// All of them together.
    pub total: Numbers,
}

/// One sync.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncStats {
    /// Its name.
    pub sync: String,
    /// Its project.
    pub project: String,
    /// Platform of the source.
    pub source_platform: String,
    /// Platform of the target.
    pub target_platform: String,
    /// What kind of item is kept in step.
    pub entity_type: String,
    /// Whether schedules start runs.
    pub enabled: bool,
    /// Since when it is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Its latest run, whatever the window.
    pub last_run: Option<LastRun>,
    /// Its numbers.
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// The latest run of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its id.
    pub id: Uuid,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether it did its work; none until it is over.
    pub success: Option<bool>,
    /// When it was accepted.
    pub queued_at: DateTime<Utc>,
    /// When it was over.
    pub completed_at: Option<DateTime<Utc>>,
    /// From start to end.
    pub duration_ms: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// What is counted, of one sync or of all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Numbers {
    /// Links by how their last sync ended; also those whose items were deleted, until they are purged.
    pub links: BTreeMap<SyncStatus, i64>,
    /// Conflicts that wait to be settled.
    pub open_conflicts: i64,
    /// Runs by where they stand; those not over yet are counted whatever the window.
    pub runs: BTreeMap<RunStatus, i64>,
    /// Share of runs that did all their work, of those that completed or failed.
    pub success_rate: Option<f64>,
    /// How long runs took.
    pub duration_ms: Option<Durations>,
    /// Items in step at the end of their run.
    pub items_synced: i64,
    /// Items that failed.
    pub items_failed: i64,
    /// Items left alone.
    pub items_skipped: i64,
    /// Items created.
    pub created: i64,
    /// Items updated.
    pub updated: i64,
    /// Items deleted, archived or closed.
    pub deleted: i64,
    /// Conflicts met.
    pub conflicts: i64,
    /// Calls to platforms.
    pub api_calls: i64,
    /// Items in step per second of run time.
    pub throughput: Option<f64>,
}

/// How long runs took, in milliseconds; percentiles by nearest rank, to within 1 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Durations {
    /// Half of the runs took no longer.
    pub p50: i64,
    /// Nineteen of twenty took no longer.
    pub p95: i64,
    /// The longest, exactly.
    pub max: i64,
}

/// Counts what the filter asks for.
pub async fn stats(db: &impl ConnectionTrait, filter: &StatsFilter) -> Result<Stats, DbErr> {
    let until = Utc::now();
    let since = filter.window.since(until);
    query::stats(db, filter, since, until).await
}
