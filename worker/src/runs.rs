//! The life of a run's row: begun under a new fence, ended under the same.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, FromQueryResult, Value};
use serde_json::json;
use syncline_engine::run::{Counts, Report};
use syncline_entity::{
    sync_history,
    types::{RunKind, RunStatus},
};
use syncline_queue::outbox::{self, pause};
use uuid::Uuid;

use crate::{
    environment::Environment,
    restore,
    stats::{self, ENDED},
    store::{begin, statement},
};

/// A run that this worker has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its row.
    pub row: sync_history::Model,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// What a worker finds that wants to take a run up.
#[derive(Debug, Clone)]
pub enum Begin {
    /// It has it.
    Begun(Box<Begun>),
    /// The run's sync is paused: its row waits for the end of that, and its job may go.
    Parked,
    /// The run is over, or was asked to stop.
    Over,
}

impl Begin {
    /// The run, if the worker has it.
    pub fn begun(self) -> Option<Begun> {
        match self {
            Begin::Begun(begun) => Some(*begun),
            Begin::Parked | Begin::Over => None,
        }
    }
}

/// Takes a run up: raises its fence, so that an earlier worker can write no more, and notes the attempt. From here on the
/// same may be accepted once more, and events go to a run that follows.
pub async fn begin_run(environment: &Environment, run: Uuid, attempt: u32) -> Result<Begin, DbErr> {
    let row = match environment.db.get_database_backend() {
        DbBackend::Postgres => raise_at_once(environment, run, attempt).await?,
        _ => raise(environment, run, attempt).await?,
    };
    if let Some(row) = row {
        return Ok(Begin::Begun(Box::new(Begun { row, attempt })));
    }
    if pause::park(&environment.db, run).await? {
        return Ok(Begin::Parked);
    }
    outbox::end_if_asked(&environment.db, run).await?;
    Ok(Begin::Over)
}

fn raising() -> String {
    format!(
        "UPDATE sync_history SET fence = fence + 1, status = 'in_progress', waiting_key = NULL, \
         started_at = COALESCE(started_at, ?) WHERE run_uid = ? AND completed_at IS NULL \
         AND cancel_requested_at IS NULL AND NOT EXISTS (SELECT 1 FROM sync_configs c \
         WHERE c.id = sync_history.sync_config_id AND {}) RETURNING *",
        pause::condition("c")
    )
}

/// An attempt that nobody ended was its worker's last word.
const LOSE: &str = "UPDATE sync_attempts SET outcome = 'lost', ended_at = ? WHERE run_id = ? AND attempt < ? \
                    AND ended_at IS NULL";
const AGAIN: &str = "ON CONFLICT (run_id, attempt) DO UPDATE SET worker = excluded.worker, \
                     started_at = excluded.started_at, ended_at = NULL, outcome = NULL, error = NULL";

async fn raise(
    environment: &Environment,
    run: Uuid,
    attempt: u32,
) -> Result<Option<sync_history::Model>, DbErr> {
    let now = environment.clock.now();
    let tx = begin(&environment.db).await?;
    let backend = tx.get_database_backend();
    let row = tx.query_one_raw(statement(backend, &raising(), [now.into(), run.into()])).await?;
    let Some(row) = row else {
        tx.rollback().await?;
        return Ok(None);
    };
    let row = sync_history::Model::from_query_result(&row, "")?;
    let number = i32::try_from(attempt).unwrap_or(i32::MAX);
    if attempt > 1 {
        tx.execute_raw(statement(backend, LOSE, [now.into(), run.into(), number.into()])).await?;
    }
    let note = format!(
        "INSERT INTO sync_attempts (run_id, attempt, worker, started_at) VALUES (?, ?, ?, ?) {AGAIN}"
    );
    let values = [run.into(), number.into(), environment.worker.clone().into(), now.into()];
    tx.execute_raw(statement(backend, &note, values)).await?;
    tx.commit().await?;
    Ok(Some(row))
}

/// The same in one statement, where a round trip is what costs.
async fn raise_at_once(
    environment: &Environment,
    run: Uuid,
    attempt: u32,
) -> Result<Option<sync_history::Model>, DbErr> {
    let (now, number) = (environment.clock.now(), i32::try_from(attempt).unwrap_or(i32::MAX));
    let mut values: Vec<Value> = vec![now.into(), run.into()];
    let mut lost = String::new();
    if attempt > 1 {
        lost = format!(", lost AS ({LOSE} AND EXISTS (SELECT 1 FROM raised))");
        values.extend([now.into(), run.into(), number.into()]);
    }
    let sql = format!(
        "WITH raised AS ({}){lost}, noted AS (INSERT INTO sync_attempts (run_id, attempt, worker, started_at) \
         SELECT run_uid, ?, ?, ? FROM raised {AGAIN}) SELECT * FROM raised",
        raising()
    );
    values.extend([number.into(), environment.worker.clone().into(), now.into()]);
    let row = environment.db.query_one_raw(statement(DbBackend::Postgres, &sql, values)).await?;
    row.map(|row| sync_history::Model::from_query_result(&row, "")).transpose()
}

/// How a run, or one attempt at it, ended.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    /// Where the run stands now; `queued` when it is to be tried again.
    pub status: RunStatus,
    /// How the attempt ended, as `sync_attempts.outcome` says it.
    pub outcome: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// In a few words, why it is given up; it becomes a dead letter.
    pub dead: Option<String>,
    /// What it did.
    pub report: Option<&'a Report>,
    /// A plan, for people.
    pub plan: Option<serde_json::Value>,
    /// The sync ran on a database restored at this time, and has now looked at both its sides in full.
    pub settled: Option<DateTime<Utc>>,
}

/// Ends a run or an attempt. False: another worker has taken the run over.
pub async fn end_run(environment: &Environment, begun: &Begun, ending: Ending<'_>) -> Result<bool, DbErr> {
    let now = environment.clock.now();
    let over = ending.status != RunStatus::Queued;
    let row = &begun.row;
    let mut counts = ending.report.map(|report| report.counts).unwrap_or_default();
    let success = ending.status == RunStatus::Completed && counts.failed == 0;
    let tx = begin(&environment.db).await?;
    let backend = tx.get_database_backend();
    if over && begun.attempt > 1 {
        add_earlier_attempts(&tx, row.run_uid, &mut counts).await?;
    }
    let sql = format!(
        "UPDATE sync_history SET status = ?, completed_at = ?, success = ?, error_message = ?, duration_ms = ?, \
         items_synced = ?, items_failed = ?, items_skipped = ?, created = ?, updated = ?, deleted = ?, \
         conflicts = ?, api_calls = ?, sync_metadata = ?, rolled_up = ?, dead_at = ?, dead_reason = ? \
         WHERE run_uid = ? AND fence = ? AND completed_at IS NULL RETURNING {ENDED}"
    );
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let values = [
        ending.status.as_str().into(),
        over.then_some(now).into(),
        over.then_some(success).into(),
        ending.error.clone().into(),
        row.started_at.map(|started| (now - started).num_milliseconds().max(0)).into(),
        number(counts.synced).into(),
        number(counts.failed).into(),
        number(counts.skipped + counts.unchanged).into(),
        number(counts.created).into(),
        number(counts.updated).into(),
        number(counts.deleted).into(),
        number(counts.conflicts).into(),
        number(counts.api_calls).into(),
        details(ending.report, counts, ending.plan).into(),
        over.into(),
        ending.dead.as_ref().map(|_| now).into(),
        ending.dead.into(),
        row.run_uid.into(),
        row.fence.into(),
    ];
    let Some(ended) = tx.query_one_raw(statement(backend, &sql, values)).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    end_attempt(&tx, begun, ending.outcome, ending.error, now).await?;
    if over && row.kind != RunKind::Plan {
        // The sync's row is locked from here on, and its statistics with it.
        let sql = "UPDATE sync_configs SET last_sync_at = ? WHERE id = ? RETURNING entity_type";
        let sync = tx.query_one_raw(statement(backend, sql, [now.into(), row.sync_config_id.into()])).await?;
        if let Some(sync) = sync {
            let entity_type: String = sync.try_get("", "entity_type")?;
            let run = stats::of_ended(&ended, &entity_type)?;
            stats::add(&tx, &[run]).await?;
        }
    }
    if let Some(since) = ending.settled.filter(|_| over) {
        restore::settle(&tx, row.sync_config_id, since).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// What attempts that were killed had written: they could not say so themselves, but the audit trail does.
async fn add_earlier_attempts(
    db: &impl ConnectionTrait,
    run: Uuid,
    counts: &mut Counts,
) -> Result<(), DbErr> {
    let sql = "SELECT COUNT(DISTINCT CASE WHEN field IS NULL AND before IS NULL THEN link_id END) AS created, \
               COUNT(DISTINCT CASE WHEN field IS NULL AND after IS NULL THEN link_id END) AS deleted, \
               COUNT(DISTINCT CASE WHEN field IS NOT NULL AND side = 'source' THEN link_id END) AS to_source, \
               COUNT(DISTINCT CASE WHEN field IS NOT NULL AND side = 'target' THEN link_id END) AS to_target, \
               COUNT(DISTINCT link_id) AS links FROM sync_changes WHERE run_id = ? AND state = 'confirmed'";
    let Some(row) = db.query_one_raw(statement(db.get_database_backend(), sql, [run.into()])).await? else {
        return Ok(());
    };
    let number =
        |name: &str| -> Result<u64, DbErr> { Ok(u64::try_from(row.try_get::<i64>("", name)?).unwrap_or(0)) };
    counts.created = counts.created.max(number("created")?);
    counts.deleted = counts.deleted.max(number("deleted")?);
    counts.updated = counts.updated.max(number("to_source")? + number("to_target")?);
    let written = number("links")?.saturating_sub(counts.failed);
    counts.unchanged = counts.unchanged.saturating_sub(written.saturating_sub(counts.synced));
    counts.synced = counts.synced.max(written);
    Ok(())
}

async fn end_attempt(
    db: &impl ConnectionTrait,
    begun: &Begun,
    outcome: &str,
    error: Option<String>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let sql =
        "UPDATE sync_attempts SET ended_at = ?, outcome = ?, error = ? WHERE run_id = ? AND attempt = ?";
    let attempt = i32::try_from(begun.attempt).unwrap_or(i32::MAX);
    let values = [now.into(), outcome.into(), error.into(), begun.row.run_uid.into(), attempt.into()];
    db.execute_raw(statement(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

fn details(
    report: Option<&Report>,
    counts: Counts,
    plan: Option<serde_json::Value>,
) -> Option<serde_json::Value> {
    let report = report?;
    let mut details = json!({
        "read": report.read,
        "complete": report.complete,
        "links": report.links,
        "skipped": counts.skipped,
        "missing": counts.missing,
        "ended": counts.ended,
        "unchanged": counts.unchanged,
        "unlinked": counts.unlinked,
        "settled": counts.settled,
        "errors": report.errors,
    });
    if report.after_restore {
        details["after_restore"] = json!(true);
    }
    if let Some(held) = &report.held {
        details["held"] = json!(held);
    }
    if let Some(plan) = plan {
        details["plan"] = plan;
    }
    Some(details)
}

/// Notes that a worker which ends has given a run back without an end of its own: whatever of it still runs can write no
/// more, and the attempt does not count.
pub async fn give_back(environment: &Environment, run: Uuid) -> Result<(), DbErr> {
    let tx = begin(&environment.db).await?;
    let backend = tx.get_database_backend();
    let sql = "UPDATE sync_history SET fence = fence + 1, status = 'queued' WHERE run_uid = ? AND completed_at IS NULL";
    tx.execute_raw(statement(backend, sql, [run.into()])).await?;
    let sql = "UPDATE sync_attempts SET outcome = 'returned', ended_at = ? \
               WHERE run_id = ? AND worker = ? AND ended_at IS NULL";
    let values = [environment.clock.now().into(), run.into(), environment.worker.clone().into()];
    tx.execute_raw(statement(backend, sql, values)).await?;
    tx.commit().await
}

/// Ends a run whose job died without its worker (a crash loop, a payload that nobody could read), and makes it a dead
/// letter. A run that is over already stays as it is.
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
         fence = fence + 1, waiting_key = NULL, rolled_up = TRUE, dead_at = ?, dead_reason = ? \
         WHERE run_uid = ? AND completed_at IS NULL RETURNING {ENDED}"
    );
    let values = [now.into(), error.into(), now.into(), reason.into(), run.into()];
    let Some(ended) = tx.query_one_raw(statement(backend, &sql, values)).await? else {
        return tx.rollback().await;
    };
    let lost =
        "UPDATE sync_attempts SET outcome = 'lost', ended_at = ? WHERE run_id = ? AND ended_at IS NULL";
    tx.execute_raw(statement(backend, lost, [now.into(), run.into()])).await?;
    if stats::counts(&ended)? {
        let entity_type = stats::lock_sync(&tx, ended.try_get("", "sync_config_id")?).await?;
        stats::add(&tx, &[stats::of_ended(&ended, &entity_type)?]).await?;
    }
    tx.commit().await
}

/// Takes a dead job out of the queue's own dead letters if it is a run's, and sees to it that the run is one here: lists
/// and replays of runs read the database alone. False: the job is no run's, and stays.
pub async fn move_letter(
    environment: &Environment,
    run: Uuid,
    reason: &str,
    error: &str,
) -> anyhow::Result<bool> {
    bury(&environment.db, run, reason, error, environment.clock.now()).await?;
    if sync_history::by_run(&environment.db, run).await?.is_none() {
        return Ok(false);
    }
    environment.queue.discard(run).await?;
    Ok(true)
}
