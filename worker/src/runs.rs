//! The life of a run's row: begun under a new fence, ended under the same.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde_json::json;
use syncline_engine::run::{Counts, Report};
use syncline_entity::{
    sync_history,
    types::{RunKind, RunStatus},
};
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

/// Takes a run up: raises its fence, so that an earlier worker can write no more. None when it is over already.
pub async fn begin_run(environment: &Environment, run: Uuid, attempt: u32) -> Result<Option<Begun>, DbErr> {
    let now = environment.clock.now();
    let tx = begin(&environment.db).await?;
    let backend = tx.get_database_backend();
    let raise = "UPDATE sync_history SET fence = fence + 1, status = 'in_progress', \
                 started_at = COALESCE(started_at, ?) WHERE run_uid = ? AND completed_at IS NULL";
    if tx.execute_raw(statement(backend, raise, [now.into(), run.into()])).await?.rows_affected() == 0 {
        tx.rollback().await?;
        return Ok(None);
    }
    let note = "INSERT INTO sync_attempts (run_id, attempt, worker, started_at) VALUES (?, ?, ?, ?) \
                ON CONFLICT (run_id, attempt) DO UPDATE SET worker = excluded.worker, started_at = excluded.started_at";
    let attempt_number = i32::try_from(attempt).unwrap_or(i32::MAX);
    let values = [run.into(), attempt_number.into(), environment.worker.clone().into(), now.into()];
    tx.execute_raw(statement(backend, note, values)).await?;
    let row = sync_history::by_run(&tx, run).await?;
    tx.commit().await?;
    Ok(row.map(|row| Begun { row, attempt }))
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
         conflicts = ?, api_calls = ?, sync_metadata = ?, rolled_up = ? \
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

/// Ends a run whose job died without its worker (a crash loop, a payload that nobody could read).
pub async fn bury(db: &DatabaseConnection, run: Uuid, reason: &str, now: DateTime<Utc>) -> Result<(), DbErr> {
    let tx = begin(db).await?;
    let sql = format!(
        "UPDATE sync_history SET status = 'failed', success = FALSE, completed_at = ?, error_message = ?, \
         fence = fence + 1, rolled_up = TRUE WHERE run_uid = ? AND completed_at IS NULL RETURNING {ENDED}"
    );
    let values = [now.into(), reason.into(), run.into()];
    let Some(ended) = tx.query_one_raw(statement(tx.get_database_backend(), &sql, values)).await? else {
        return tx.rollback().await;
    };
    if stats::counts(&ended)? {
        let entity_type = stats::lock_sync(&tx, ended.try_get("", "sync_config_id")?).await?;
        stats::add(&tx, &[stats::of_ended(&ended, &entity_type)?]).await?;
    }
    tx.commit().await
}
