//! Cancelling runs.

use chrono::{SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use syncline_entity::sync_history;
use syncline_queue::{Cancelled, Error};
use syncline_sql::statement;
use uuid::Uuid;

use super::{dispatch::is_waiting, queue::RunQueue};

/// What became of a request to cancel a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCancelled {
    /// It waited, and has ended as cancelled.
    Ended,
    /// It runs, and is asked to stop.
    Requested,
    /// It was over before.
    Over,
    /// There is no such run.
    Unknown,
}

/// Cancels a run: a waiting one ends at once, whether the queue holds it or not; a running one is asked to stop. The
/// request is on record: should the worker die before it has stopped, nobody takes the run up again.
pub async fn cancel(db: &DatabaseConnection, queue: &RunQueue, run: Uuid) -> Result<RunCancelled, Error> {
    let Some(row) = sync_history::by_run(db, run).await? else { return Ok(RunCancelled::Unknown) };
    if row.completed_at.is_some() {
        return Ok(RunCancelled::Over);
    }
    if is_waiting(&row) && end_waiting(db, run).await? {
        // Whoever claims the job in spite of this finds the run over.
        if let Err(error) = queue.cancel(run).await {
            tracing::debug!(%run, %error, "cancelled; the queue's store still holds the job");
        }
        return Ok(RunCancelled::Ended);
    }
    let sql = "UPDATE sync_history SET cancel_requested_at = COALESCE(cancel_requested_at, ?) \
               WHERE run_uid = ? AND completed_at IS NULL";
    let values = [Utc::now().trunc_subsecs(6).into(), run.into()];
    if db.execute_raw(statement(db.get_database_backend(), sql, values)).await?.rows_affected() == 0 {
        return Ok(RunCancelled::Over);
    }
    match queue.cancel(run).await? {
        Cancelled::Requested => Ok(RunCancelled::Requested),
        // Its worker died and it waited for the next one; or the queue has lost it, and with it the worker its lease.
        Cancelled::Removed | Cancelled::Unknown => {
            end_cancelled(db, run, "cancelled").await?;
            Ok(RunCancelled::Ended)
        }
    }
}

/// Ends a run that was asked to stop and that no worker may take up. False: it was not asked.
pub async fn end_if_asked(db: &DatabaseConnection, run: Uuid) -> Result<bool, DbErr> {
    end(db, run, "cancelled", "AND cancel_requested_at IS NOT NULL").await
}

/// Ends a run that no worker has.
async fn end_waiting(db: &DatabaseConnection, run: Uuid) -> Result<bool, DbErr> {
    end(db, run, "cancelled", "AND status = 'queued'").await
}

/// Ends a run as cancelled, and shuts out whichever worker believes to have it. Workers add it to the statistics later.
pub(super) async fn end_cancelled(db: &DatabaseConnection, run: Uuid, why: &str) -> Result<bool, DbErr> {
    end(db, run, why, "").await
}

async fn end(db: &DatabaseConnection, run: Uuid, why: &str, only: &str) -> Result<bool, DbErr> {
    let sql = format!(
        "UPDATE sync_history SET status = 'cancelled', success = FALSE, completed_at = ?, error_message = ?, \
         fence = fence + 1, waiting_key = NULL, cancel_requested_at = COALESCE(cancel_requested_at, ?) \
         WHERE run_uid = ? AND completed_at IS NULL {only}"
    );
    let now = Utc::now().trunc_subsecs(6);
    let values = [now.into(), why.into(), now.into(), run.into()];
    Ok(db.execute_raw(statement(db.get_database_backend(), &sql, values)).await?.rows_affected() > 0)
}
