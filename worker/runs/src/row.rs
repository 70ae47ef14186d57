//! What several parts of a run's life need of its row.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use syncline_entity::types;
use syncline_queue::Priority;
use syncline_sql::statement;
use uuid::Uuid;

/// That a run named by its id is not over. Said so that PostgreSQL finds the row under its id: the index over open runs,
/// which looks short to it, is full of those that ended since its last vacuum.
pub(crate) fn not_over(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "COALESCE(sync_history.completed_at, 'infinity') = 'infinity'",
        _ => "completed_at IS NULL",
    }
}

/// Locks a run's row until the transaction ends, if its fence is still this one. False: another worker has taken the run
/// over, or it is over.
pub async fn hold(tx: &DatabaseTransaction, run: Uuid, fence: i64) -> Result<bool, DbErr> {
    let sql =
        "UPDATE sync_history SET fence = fence WHERE run_uid = ? AND fence = ? AND completed_at IS NULL";
    let held = tx.execute_raw(statement(tx.get_database_backend(), sql, [run.into(), fence.into()])).await?;
    Ok(held.rows_affected() > 0)
}

/// The queue's word for the priority that rows keep.
pub fn queue_priority(stored: types::Priority) -> Priority {
    match stored {
        types::Priority::Critical => Priority::Critical,
        types::Priority::High => Priority::High,
        types::Priority::Normal => Priority::Normal,
        types::Priority::Low => Priority::Low,
    }
}
