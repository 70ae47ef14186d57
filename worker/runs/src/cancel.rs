//! Cancels runs.

use chrono::{SubsecRound, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection, DbErr};
use syncline_entity::{audit_log, event::record, sync_history};
use syncline_queue::{Cancelled, Error};
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::{
    dispatch::is_waiting,
    queue::RunQueue,
    statistics::ENDED,
    told::{self, TOLD},
};

/// The result of a request to cancel a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCancelled {
    /// It was waiting and has ended as cancelled.
    Ended,
    /// It is running; a stop was requested.
    Requested,
    /// It was over before.
    Over,
    /// There is no such run.
    Unknown,
}

/// Cancels a run: a waiting one ends at once, whether or not the queue has it; for a running one a stop is requested.
/// The request is stored: if the worker dies before it has stopped, no other worker begins the run again.
pub async fn cancel(db: &DatabaseConnection, queue: &RunQueue, run: Uuid) -> Result<RunCancelled, Error> {
    cancel_noted(db, queue, run, |_, _| None).await
}

/// As [`cancel`], with a row of the audit log in the transaction of the change. The row is created from the run and
/// from whether only a stop was requested.
pub async fn cancel_noted(
    db: &DatabaseConnection,
    queue: &RunQueue,
    run: Uuid,
    note: impl Fn(&sync_history::Model, bool) -> Option<audit_log::ActiveModel>,
) -> Result<RunCancelled, Error> {
    let Some(row) = sync_history::by_run(db, run).await? else { return Ok(RunCancelled::Unknown) };
    if row.completed_at.is_some() {
        return Ok(RunCancelled::Over);
    }
    if is_waiting(&row) && end_waiting(db, run, note(&row, false)).await? {
        // A worker that claims the job nevertheless finds the run over.
        if let Err(error) = queue.cancel(run).await {
            tracing::debug!(%run, %error, "cancelled; the queue's store still holds the job");
        }
        return Ok(RunCancelled::Ended);
    }
    let sql = "UPDATE sync_history SET cancel_requested_at = COALESCE(cancel_requested_at, ?) \
               WHERE run_uid = ? AND completed_at IS NULL";
    let values = [Utc::now().trunc_subsecs(6).into(), run.into()];
    let tx = begin(db).await?;
    if tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() == 0 {
        tx.rollback().await?;
        return Ok(RunCancelled::Over);
    }
    if let Some(note) = note(&row, true) {
        note.insert(&tx).await?;
    }
    tx.commit().await?;
    match queue.cancel(run).await? {
        Cancelled::Requested => Ok(RunCancelled::Requested),
        // The worker died and the run waited for the next one; or the queue lost the job, and so the worker lost its
        // lease.
        Cancelled::Removed | Cancelled::Unknown => {
            end_cancelled(db, run, "cancelled").await?;
            Ok(RunCancelled::Ended)
        }
    }
}

/// Ends a run whose cancellation was requested and which no worker may begin. Returns false if no cancellation was
/// requested.
pub async fn end_if_asked(db: &DatabaseConnection, run: Uuid) -> Result<bool, DbErr> {
    end(db, run, "cancelled", "AND cancel_requested_at IS NOT NULL", None).await
}

/// Ends a run that no worker executes.
async fn end_waiting(
    db: &DatabaseConnection,
    run: Uuid,
    note: Option<audit_log::ActiveModel>,
) -> Result<bool, DbErr> {
    end(db, run, "cancelled", "AND status = 'queued'", note).await
}

/// Ends a run as cancelled, and keeps any worker from writing to it. Workers add it to the statistics later.
pub(super) async fn end_cancelled(db: &DatabaseConnection, run: Uuid, why: &str) -> Result<bool, DbErr> {
    end(db, run, why, "", None).await
}

async fn end(
    db: &DatabaseConnection,
    run: Uuid,
    why: &str,
    only: &str,
    note: Option<audit_log::ActiveModel>,
) -> Result<bool, DbErr> {
    let sql = format!(
        "UPDATE sync_history SET status = 'cancelled', success = FALSE, completed_at = ?, error_message = ?, \
         fence = fence + 1, waiting_key = NULL, cancel_requested_at = COALESCE(cancel_requested_at, ?) \
         WHERE run_uid = ? AND completed_at IS NULL {only} RETURNING {ENDED}, {TOLD}"
    );
    let now = Utc::now().trunc_subsecs(6);
    let values = [now.into(), why.into(), now.into(), run.into()];
    let tx = begin(db).await?;
    let Some(ended) = tx.query_one_raw(statement(tx.get_database_backend(), &sql, values)).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    record(&tx, now, [told::over(run, &ended, None)?]).await?;
    if let Some(note) = note {
        note.insert(&tx).await?;
    }
    tx.commit().await?;
    Ok(true)
}
