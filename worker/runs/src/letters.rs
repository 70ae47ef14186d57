//! Dead letters of schedules: one per sync and cause, until a run of the sync succeeds.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
};
use serde_json::json;
use syncline_entity::sync_history;
use syncline_sql::{Binds, statement};
use uuid::Uuid;

use super::statistics::of_syncs;

/// Removes the dead letters of these syncs' schedules, as the syncs run again.
pub(super) async fn resolve(tx: &DatabaseTransaction, syncs: &BTreeSet<i64>) -> Result<(), DbErr> {
    if syncs.is_empty() {
        return Ok(());
    }
    let mut binds = Binds::new(tx);
    let text = format!(
        "UPDATE sync_history SET dead_at = NULL WHERE dead_at IS NOT NULL AND schedule_id IS NOT NULL AND {}",
        of_syncs(&mut binds, syncs, "sync_config_id")
    );
    binds.run(tx, text).await.map(drop)
}

/// Merges earlier letters of the same cause into the letter of this schedule's run, with their count.
pub(super) async fn merge(tx: &DatabaseTransaction, run: Uuid) -> Result<(), DbErr> {
    let Some(row) = sync_history::by_run(tx, run).await?.filter(|row| row.dead_at.is_some()) else {
        return Ok(());
    };
    let Some(error) = &row.error_message else { return Ok(()) };
    let earlier = sync_history::Entity::find()
        .filter(sync_history::Column::DeadAt.is_not_null())
        .filter(sync_history::Column::ScheduleId.is_not_null())
        .filter(sync_history::Column::SyncConfigId.eq(row.sync_config_id))
        .filter(sync_history::Column::ErrorMessage.eq(error))
        .filter(sync_history::Column::RunUid.ne(run))
        .order_by_asc(sync_history::Column::DeadAt)
        .all(tx)
        .await?;
    if earlier.is_empty() {
        return Ok(());
    }
    let count = 1 + earlier.iter().map(|row| noted(row).0).sum::<u64>();
    let since = earlier.iter().filter_map(|row| noted(row).1).min();
    let mut details = row.sync_metadata.clone().unwrap_or_else(|| json!({}));
    details["repeated"] = json!({ "count": count, "since": since });
    let since = since.map(|since| since.format(" since %Y-%m-%d %H:%M:%S UTC").to_string());
    let reason = row.dead_reason.unwrap_or_default();
    let reason = format!("{reason}; {count} runs{}", since.unwrap_or_default());
    let backend = tx.get_database_backend();
    let sql = "UPDATE sync_history SET sync_metadata = ?, dead_reason = ? WHERE run_uid = ?";
    tx.execute_raw(statement(backend, sql, [details.into(), reason.into(), run.into()])).await?;
    for row in earlier {
        let sql = "UPDATE sync_history SET dead_at = NULL WHERE id = ?";
        tx.execute_raw(statement(backend, sql, [row.id.into()])).await?;
    }
    Ok(())
}

/// Returns the number of runs that a letter counts, and the time of the first one.
fn noted(row: &sync_history::Model) -> (u64, Option<DateTime<Utc>>) {
    let repeated = row.sync_metadata.as_ref().map(|details| &details["repeated"]);
    let count = repeated.and_then(|repeated| repeated["count"].as_u64()).unwrap_or(1);
    let since = repeated.and_then(|repeated| repeated["since"].as_str()?.parse().ok());
    (count, since.or(row.dead_at))
}
