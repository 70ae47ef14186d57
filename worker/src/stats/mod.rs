//! Statistics, kept as runs end: `sync_stats`, and what triggers leave to do in `sync_link_counts` and
//! `sync_conflict_counts`.
//!
//! A run is added in the transaction that ends it, once its sync's row is locked: histograms are read, changed and
//! written back, so two runs of a sync must do so one after the other. Everything here locks in the order runs, then
//! their sync, then statistics.

mod catch_up;
mod counts;
mod rebuild;

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveEnum, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    ExprTrait, IntoActiveModel, Iterable, QueryFilter, QueryResult, sea_query::OnConflict,
};
use syncline_entity::{
    sync_stats::{self, Column},
    types::{RunKind, RunStatus, Span},
};
use tokio_util::sync::CancellationToken;

pub use catch_up::catch_up;
pub use counts::{fold_slots, recount};
pub use rebuild::{Rebuilt, rebuild};

use crate::{environment::Environment, store::statement};

/// How often to look for runs that a replica without statistics has ended.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Runs added before looking at anything else again.
const AT_ONCE: u64 = 5_000;
/// Rows in one statement.
const ROWS: usize = 200;

/// Sees to it that the statistics have every run, until shutdown. What it is at then is left as it was.
pub async fn run(environment: Environment, shutdown: CancellationToken) {
    let forever = async {
        loop {
            match tidy(&environment).await {
                Ok(AT_ONCE..) => continue,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "the statistics could not be brought up to date; trying again");
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    shutdown.run_until_cancelled(forever).await;
}

/// Adds runs that are not in the statistics yet, a limited number, and folds the counts of links and conflicts. Answers how many runs.
pub async fn tidy(environment: &Environment) -> Result<u64, DbErr> {
    fold_slots(&environment.db).await?;
    let added = catch_up(&environment.db, AT_ONCE).await?;
    if added > 0 {
        tracing::info!(runs = added, "added runs to the statistics that ended without them");
        metrics::counter!("sync_stats_caught_up_total").increment(added);
    }
    Ok(added)
}

/// Locks a sync's row, as everyone does who is about to change its statistics. Answers what kind of item it has.
pub(crate) async fn lock_sync(tx: &DatabaseTransaction, sync: i64) -> Result<String, DbErr> {
    let backend = tx.get_database_backend();
    let sql = match backend {
        // Runs refer to the row while they are inserted; this lock lets them.
        DbBackend::Postgres => "SELECT entity_type FROM sync_configs WHERE id = ? FOR NO KEY UPDATE",
        // Whoever writes is alone.
        _ => "SELECT entity_type FROM sync_configs WHERE id = ?",
    };
    let row = tx.query_one_raw(statement(backend, sql, [sync.into()])).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(format!("sync_configs {sync}")))?.try_get("", "entity_type")
}

/// What the statistics need of a run that is over: columns of `sync_history`.
pub(crate) const ENDED: &str = "sync_config_id, kind, status, success, completed_at, duration_ms, items_synced, \
     items_failed, items_skipped, created, updated, deleted, conflicts, api_calls";

/// Whether a run that is over counts: one that only planned did nothing.
pub(crate) fn counts(ended: &QueryResult) -> Result<bool, DbErr> {
    Ok(RunKind::try_from_value(&ended.try_get("", "kind")?)? != RunKind::Plan)
}

/// The statistics of a single run, at the moment it ended.
pub(crate) fn of_ended(ended: &QueryResult, entity_type: &str) -> Result<sync_stats::Model, DbErr> {
    let (sync, at) = (ended.try_get("", "sync_config_id")?, ended.try_get("", "completed_at")?);
    let mut run = sync_stats::Model {
        items_synced: ended.try_get("", "items_synced")?,
        items_failed: ended.try_get("", "items_failed")?,
        items_skipped: ended.try_get("", "items_skipped")?,
        created: ended.try_get("", "created")?,
        updated: ended.try_get("", "updated")?,
        deleted: ended.try_get("", "deleted")?,
        conflicts: ended.try_get("", "conflicts")?,
        api_calls: ended.try_get("", "api_calls")?,
        ..sync_stats::Model::empty(sync, entity_type, Span::Hour, at)
    };
    let status = RunStatus::try_from_value(&ended.try_get("", "status")?)?;
    let success: Option<bool> = ended.try_get("", "success")?;
    run.count(status, success.unwrap_or(false), ended.try_get("", "duration_ms")?);
    Ok(run)
}

/// Adds runs of one sync to its hours, days and months, each run given as the statistics of its moment. The caller has
/// locked the sync's row and marks the runs in the same transaction.
pub(crate) async fn add(tx: &DatabaseTransaction, runs: &[sync_stats::Model]) -> Result<(), DbErr> {
    let Some(first) = runs.first() else { return Ok(()) };
    let (sync, entity_type) = (first.sync_config_id, first.entity_type.as_str());
    let mut rows: BTreeMap<(Span, DateTime<Utc>), sync_stats::Model> = BTreeMap::new();
    for run in runs {
        for span in Span::iter() {
            let bucket = span.begin_of(run.bucket);
            rows.entry((span, bucket))
                .or_insert_with(|| sync_stats::Model::empty(sync, entity_type, span, bucket))
                .add(run);
        }
    }
    let mut touched = Condition::any();
    for span in Span::iter() {
        let buckets = rows.keys().filter(|(of, _)| *of == span).map(|(_, bucket)| *bucket);
        touched = touched.add(Column::Span.eq(span).and(Column::Bucket.is_in(buckets)));
    }
    let known = sync_stats::Entity::find()
        .filter(Column::SyncConfigId.eq(sync))
        .filter(Column::EntityType.eq(entity_type))
        .filter(touched)
        .all(tx)
        .await?;
    for known in known {
        if let Some(row) = rows.get_mut(&(known.span, known.bucket)) {
            row.add(&known);
        }
    }
    write(tx, rows.into_values().collect()).await
}

/// Writes rows as they are, over those that are there.
async fn write(tx: &DatabaseTransaction, mut rows: Vec<sync_stats::Model>) -> Result<(), DbErr> {
    let key = [Column::SyncConfigId, Column::Span, Column::Bucket, Column::EntityType];
    let numbers: Vec<Column> =
        Column::iter().filter(|column| !key.iter().any(|part| same(part, column))).collect();
    while !rows.is_empty() {
        let piece = rows.split_off(rows.len().saturating_sub(ROWS));
        let conflict = OnConflict::columns(key).update_columns(numbers.iter().copied()).to_owned();
        sync_stats::Entity::insert_many(piece.into_iter().map(IntoActiveModel::into_active_model))
            .on_conflict(conflict)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

fn same(one: &Column, other: &Column) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
