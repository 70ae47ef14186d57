//! Syncs that run on a restored database, until they have read both sides completely.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use syncline_sql::statement;

/// Clears the mark of a restore, unless a person still has to resolve a conflict that the restore caused.
pub(crate) async fn forget(
    tx: &impl ConnectionTrait,
    config_id: i64,
    since: DateTime<Utc>,
) -> Result<(), DbErr> {
    let sql = "UPDATE sync_configs SET restored_at = NULL WHERE id = ? AND restored_at = ? AND NOT EXISTS (\
               SELECT 1 FROM sync_conflicts JOIN sync_metadata ON sync_metadata.id = sync_conflicts.link_id \
               WHERE sync_metadata.sync_config_id = ? AND sync_conflicts.resolved = FALSE \
               AND (sync_conflicts.created_at >= ? OR sync_conflicts.conflict_type IN ('ambiguous_create', 'old_base')))";
    let values = [config_id.into(), since.into(), config_id.into(), since.into()];
    tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
