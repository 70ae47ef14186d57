//! Ends runs without their worker: given back, or given up.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use syncline_entity::{event::record, sync_history};
use syncline_queue::Error;
use syncline_sql::{begin, statement};
use uuid::Uuid;

use super::{
    RunBook, cause,
    statistics::{self, ENDED},
    told::{self, About, TOLD},
};

impl RunBook {
    /// Gives a run back whose worker ends without an outcome of the run: the fence keeps the rest of that attempt from
    /// writing, and the attempt does not count.
    pub async fn give_back(&self, run: Uuid) -> Result<(), DbErr> {
        let tx = begin(&self.db).await?;
        let backend = tx.get_database_backend();
        let sql = format!(
            "UPDATE sync_history SET fence = fence + 1, status = 'queued' \
             WHERE run_uid = ? AND completed_at IS NULL RETURNING sync_config_id, {TOLD}"
        );
        if let Some(row) = tx.query_one_raw(statement(backend, &sql, [run.into()])).await? {
            record(&tx, self.clock.now(), [told::moved(About::returned(run, &row)?, "returned")]).await?;
        }
        let sql = "UPDATE sync_attempts SET outcome = 'returned', ended_at = ? \
                   WHERE run_id = ? AND worker = ? AND ended_at IS NULL";
        let values = [self.clock.now().into(), run.into(), self.worker.clone().into()];
        tx.execute_raw(statement(backend, sql, values)).await?;
        tx.commit().await
    }

    /// Turns a run's dead job in the queue into a dead run in the database: lists and replays of runs only read the
    /// database. Returns false, and keeps the job, if it belongs to no run.
    pub async fn move_letter(&self, run: Uuid, reason: &str, error: &str) -> Result<bool, Error> {
        bury(&self.db, run, reason, error, self.clock.now()).await?;
        if sync_history::by_run(&self.db, run).await?.is_none() {
            return Ok(false);
        }
        self.queue.discard(run).await?;
        Ok(true)
    }
}

/// Ends a run whose job died without its worker (a crash loop, an unreadable payload), and makes it a dead letter. A
/// run that is over is not changed.
pub async fn bury(
    db: &DatabaseConnection,
    run: Uuid,
    reason: &str,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let tx = begin(db).await?;
    let backend = tx.get_database_backend();
    let sql = format!(
        "UPDATE sync_history SET status = 'failed', success = FALSE, completed_at = ?, error_message = ?, \
         fence = fence + 1, waiting_key = NULL, rolled_up = TRUE, dead_at = ?, dead_reason = ?, \
         error_kind = ?, error_fingerprint = ? \
         WHERE run_uid = ? AND completed_at IS NULL RETURNING {ENDED}, {TOLD}"
    );
    let kind = cause::kind_of(reason);
    let mark = cause::fingerprint(kind, error);
    let values = [now.into(), error.into(), now.into(), reason.into(), kind.into(), mark.into(), run.into()];
    let Some(ended) = tx.query_one_raw(statement(backend, &sql, values)).await? else {
        return tx.rollback().await;
    };
    let lost =
        "UPDATE sync_attempts SET outcome = 'lost', ended_at = ? WHERE run_id = ? AND ended_at IS NULL";
    tx.execute_raw(statement(backend, lost, [now.into(), run.into()])).await?;
    let events = [told::over(run, &ended, Some(error))?, told::dead(About::returned(run, &ended)?)];
    record(&tx, now, events).await?;
    if statistics::counts(&ended)? {
        let entity_type = statistics::lock_sync(&tx, ended.try_get("", "sync_config_id")?).await?;
        statistics::add(&tx, &[statistics::of_ended(&ended, &entity_type)?]).await?;
    }
    tx.commit().await
}
