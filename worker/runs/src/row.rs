//! Shared functions for a run's row.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use syncline_entity::types;
use syncline_queue::Priority;
use syncline_sql::statement;
use uuid::Uuid;

/// Returns the condition that a run, selected by its id, is not over. This form makes PostgreSQL find the row by id:
/// the index of open runs seems short to the planner, but is full of those that ended since its last vacuum.
pub(crate) fn not_over(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => "COALESCE(sync_history.completed_at, 'infinity') = 'infinity'",
        _ => "completed_at IS NULL",
    }
}

/// Locks a run's row until the transaction ends, if its fence is unchanged. Returns false if the run is over, or
/// another worker has taken it over.
pub async fn hold(tx: &DatabaseTransaction, run: Uuid, fence: i64) -> Result<bool, DbErr> {
    let sql =
        "UPDATE sync_history SET fence = fence WHERE run_uid = ? AND fence = ? AND completed_at IS NULL";
    let held = tx.execute_raw(statement(tx.get_database_backend(), sql, [run.into(), fence.into()])).await?;
    Ok(held.rows_affected() > 0)
}

/// Converts the priority of a row to the queue's type.
pub fn queue_priority(stored: types::Priority) -> Priority {
    match stored {
        types::Priority::Critical => Priority::Critical,
        types::Priority::High => Priority::High,
        types::Priority::Normal => Priority::Normal,
        types::Priority::Low => Priority::Low,
    }
}
