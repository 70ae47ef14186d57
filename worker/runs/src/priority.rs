//! Changes the priority of runs that wait.

use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection};
use syncline_entity::audit_log;
use syncline_queue::{Error, Priority};
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::queue::RunQueue;

/// Changes the priority of a waiting run, in its row and in the queue, with a row of the audit log. Returns false if
/// the run does not wait.
pub async fn set_priority(
    db: &DatabaseConnection,
    queue: &RunQueue,
    run: Uuid,
    priority: Priority,
    note: audit_log::ActiveModel,
) -> Result<bool, Error> {
    let tx = begin(db).await?;
    let sql = "UPDATE sync_history SET priority = ? WHERE run_uid = ? AND completed_at IS NULL AND status = 'queued'";
    let values = [priority.rank().into(), run.into()];
    if tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    note.insert(&tx).await?;
    tx.commit().await?;
    // If the queue lacks the run or is down, the dispatcher pushes the run later with the priority of its row.
    if let Err(error) = queue.set_priority(run, priority).await {
        tracing::warn!(%run, %error, "the priority is on record; the queue's store has the former one");
    }
    Ok(true)
}
