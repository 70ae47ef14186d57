//! How each sync stands now.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, Value};
use syncline_entity::{schedule, sync_history};
use syncline_sql::{marks, statement};

use crate::{
    Caller, Error,
    configs::{self, ConfigsQuery},
    history::by_ids,
    syncs::StoredSync,
};

/// What a sync is doing, or waits for; the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Running,
    Paused,
    /// A run waits.
    Queued,
    /// The last run failed or was held.
    Failed,
    /// Conflicts wait for a person.
    Conflict,
    /// It has no scheduled runs.
    Disabled,
    /// All is well, and nothing runs.
    Idle,
}

impl Standing {
    pub const ALL: [Standing; 7] = [
        Standing::Running,
        Standing::Paused,
        Standing::Queued,
        Standing::Failed,
        Standing::Conflict,
        Standing::Disabled,
        Standing::Idle,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Running => "running",
            Standing::Paused => "paused",
            Standing::Queued => "queued",
            Standing::Failed => "failed",
            Standing::Conflict => "conflict",
            Standing::Disabled => "disabled",
            Standing::Idle => "idle",
        }
    }
}

/// A sync and how it stands.
#[derive(Debug, Clone)]
pub struct SyncStatus {
    pub sync: StoredSync,
    pub standing: Standing,
    /// Runs that wait.
    pub queued: i64,
    /// Conflicts that wait for a person.
    pub open_conflicts: i64,
    /// The last run that is over and was no plan, without its details.
    pub last: Option<sync_history::Model>,
    pub next_run_at: Option<DateTime<Utc>>,
}

/// The syncs of a query, each with how it stands.
pub async fn list(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &ConfigsQuery,
) -> Result<Vec<SyncStatus>, Error> {
    let syncs = configs::list(db, caller, asked).await?;
    if syncs.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = syncs.iter().map(|sync| sync.id).collect();
    let paused = configs::paused(db, &syncs).await?;
    let mut last = last_runs(db, &ids).await?;
    let unfinished = unfinished(db, &ids).await?;
    let conflicts = open_conflicts(db, &ids).await?;
    let ticks = schedule::Entity::find().filter(schedule::Column::SyncConfigId.is_in(ids)).all(db).await?;
    let ticks: HashMap<i64, Option<DateTime<Utc>>> =
        ticks.into_iter().map(|row| (row.sync_config_id, row.next_tick_at)).collect();
    let status = |sync: StoredSync| {
        let last = last.remove(&sync.id);
        let of = |status: &str| unfinished.get(&(sync.id, status.to_owned())).copied().unwrap_or(0);
        let open_conflicts = conflicts.get(&sync.id).copied().unwrap_or(0);
        let failed = last.as_ref().is_some_and(|run| run.success == Some(false));
        let holds = [
            (of("in_progress") > 0, Standing::Running),
            (paused.contains(&sync.id), Standing::Paused),
            (of("queued") > 0, Standing::Queued),
            (failed, Standing::Failed),
            (open_conflicts > 0, Standing::Conflict),
            (!sync.enabled, Standing::Disabled),
        ];
        let standing = holds.into_iter().find_map(|(holds, standing)| holds.then_some(standing));
        SyncStatus {
            standing: standing.unwrap_or(Standing::Idle),
            queued: of("queued"),
            open_conflicts,
            last,
            next_run_at: ticks.get(&sync.id).copied().flatten(),
            sync,
        }
    };
    Ok(syncs.into_iter().map(status).collect())
}

/// Looks up the index (sync, id) once per sync, however long its history.
async fn last_runs(db: &DatabaseConnection, ids: &[i64]) -> Result<HashMap<i64, sync_history::Model>, DbErr> {
    let sql = format!(
        "SELECT (SELECT h.id FROM sync_history h WHERE h.sync_config_id = c.id AND h.kind <> 'plan' \
         AND h.completed_at IS NOT NULL ORDER BY h.id DESC LIMIT 1) AS id FROM sync_configs c WHERE c.id IN ({})",
        marks(ids.len())
    );
    let rows = rows(db, &sql, ids).await?;
    let runs: Vec<Option<i64>> = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
    let runs: Vec<i64> = runs.into_iter().flatten().collect();
    Ok(by_ids(db, &runs).await?.into_iter().map(|run| (run.sync_config_id, run)).collect())
}

/// Runs that are not over, by sync and status.
async fn unfinished(db: &DatabaseConnection, ids: &[i64]) -> Result<HashMap<(i64, String), i64>, DbErr> {
    let sql = format!(
        "SELECT sync_config_id, status, CAST(COUNT(*) AS bigint) AS number FROM sync_history \
         WHERE completed_at IS NULL AND status IN ('queued', 'in_progress') AND sync_config_id IN ({}) \
         GROUP BY sync_config_id, status",
        marks(ids.len())
    );
    let count = |row: &sea_orm::QueryResult| {
        Ok(((row.try_get("", "sync_config_id")?, row.try_get("", "status")?), row.try_get("", "number")?))
    };
    rows(db, &sql, ids).await?.iter().map(count).collect()
}

async fn open_conflicts(db: &DatabaseConnection, ids: &[i64]) -> Result<HashMap<i64, i64>, DbErr> {
    let sql = format!(
        "SELECT sync_config_id, CAST(SUM(conflicts) AS bigint) AS number FROM sync_conflict_counts \
         WHERE sync_config_id IN ({}) GROUP BY sync_config_id",
        marks(ids.len())
    );
    let count =
        |row: &sea_orm::QueryResult| Ok((row.try_get("", "sync_config_id")?, row.try_get("", "number")?));
    rows(db, &sql, ids).await?.iter().map(count).collect()
}

async fn rows(db: &DatabaseConnection, sql: &str, ids: &[i64]) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    let values = ids.iter().copied().map(Value::from);
    db.query_all_raw(statement(db.get_database_backend(), sql, values)).await
}
