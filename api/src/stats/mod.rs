//! Statistics of syncs, for the API and the command line.
//!
//! Links, open conflicts and the last run are as of now; all other numbers are of runs that ended within the window.
//! Plan runs are left out, since they change nothing. Numbers that are slow to count are aggregated beforehand: links
//! and conflicts by triggers, runs when they end, by hour, day and month. All numbers except percentiles are exact.

mod pieces;
mod query;
mod scope;
mod series;
mod tally;
mod window;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_entity::types::{RunStatus, SyncStatus};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::schema::{counts, words};
pub(crate) use series::steps;
pub use series::{Point, Series, series};
pub use window::Window;

/// Which syncs to count, and over what time. Without a filter: all that are not deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatsFilter {
    /// The sync with this name.
    pub sync: Option<String>,
    /// Syncs of this project.
    pub project: Option<String>,
    /// Syncs with this platform on either side.
    pub platform: Option<String>,
    /// Syncs of this type of item.
    pub entity_type: Option<String>,
    /// Runs that ended within this window.
    pub window: Window,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    /// The window in the form of the request.
    pub window: String,
    /// The beginning of the window; none for all time.
    pub since: Option<DateTime<Utc>>,
    /// The time of the query.
    pub until: DateTime<Utc>,
    /// Each sync, by project and name.
    pub syncs: Vec<SyncStats>,
    /// The sum over the syncs with this platform on either side.
    pub by_platform: BTreeMap<String, Numbers>,
    /// The sum over the syncs of this type of item.
    pub by_entity_type: BTreeMap<String, Numbers>,
    /// The sum over all syncs.
    pub total: Numbers,
}

/// The numbers of one sync.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Value")]
pub struct SyncStats {
    /// The sync's name.
    pub sync: String,
    /// The sync's project.
    pub project: String,
    pub source_platform: String,
    pub target_platform: String,
    /// The type of item that is synced.
    pub entity_type: String,
    /// True if schedules start runs.
    pub enabled: bool,
    /// The beginning of its pause.
    pub paused_at: Option<DateTime<Utc>>,
    /// Its latest run that was no plan, whatever the window.
    pub last_run: Option<LastRun>,
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Numbers that keep their digits cannot be read through `flatten`, so they are read apart.
impl TryFrom<Value> for SyncStats {
    type Error = serde_json::Error;

    fn try_from(mut value: Value) -> Result<Self, Self::Error> {
        let numbers = Numbers::deserialize(&value)?;
        let mut take = |key: &str| value.get_mut(key).map(Value::take).unwrap_or_default();
        Ok(SyncStats {
            sync: serde_json::from_value(take("sync"))?,
            project: serde_json::from_value(take("project"))?,
            source_platform: serde_json::from_value(take("source_platform"))?,
            target_platform: serde_json::from_value(take("target_platform"))?,
            entity_type: serde_json::from_value(take("entity_type"))?,
            enabled: serde_json::from_value(take("enabled"))?,
            paused_at: serde_json::from_value(take("paused_at"))?,
            last_run: serde_json::from_value(take("last_run"))?,
            numbers,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastRun {
    pub id: Uuid,
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// True if it did its work; none until it is over.
    pub success: Option<bool>,
    /// When it was accepted.
    pub queued_at: DateTime<Utc>,
    /// When it was over.
    pub completed_at: Option<DateTime<Utc>>,
    /// Milliseconds from start to end.
    pub duration_ms: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The numbers of one sync or of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Numbers {
    /// Links by the status of their last sync, including tombstones until they are purged.
    #[schema(schema_with = counts::<SyncStatus>)]
    pub links: BTreeMap<SyncStatus, i64>,
    /// Conflicts that wait to be resolved.
    pub open_conflicts: i64,
    /// Runs by status; those not over yet are counted whatever the window.
    #[schema(schema_with = counts::<RunStatus>)]
    pub runs: BTreeMap<RunStatus, i64>,
    /// Share of runs that did all their work, of those that completed or failed.
    pub success_rate: Option<f64>,
    pub duration_ms: Option<Durations>,
    /// Items in step at the end of their run.
    pub items_synced: i64,
    pub items_failed: i64,
    /// Items that were skipped.
    pub items_skipped: i64,
    pub created: i64,
    pub updated: i64,
    /// Items deleted, archived or closed.
    pub deleted: i64,
    /// Conflicts found.
    pub conflicts: i64,
    pub api_calls: i64,
    /// Items in step per second of run time.
    pub throughput: Option<f64>,
}

/// Durations of runs, in milliseconds; percentiles by nearest rank, accurate to 1 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Durations {
    /// The median.
    pub p50: i64,
    /// The 95th percentile.
    pub p95: i64,
    /// The exact maximum.
    pub max: i64,
}

/// Computes the statistics of a filter.
pub async fn stats(db: &impl ConnectionTrait, filter: &StatsFilter) -> Result<Stats, DbErr> {
    let until = Utc::now();
    let since = filter.window.since(until);
    query::stats(db, filter, since, until).await
}
