//! Converts rows of `jobs`.

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, QueryResult};
use serde::Deserialize;
use serde_json::Value as Json;
use uuid::Uuid;

use super::statement::length;
use crate::{
    backend::LeaseRef,
    job::{ClaimedJob, Job, PastAttempt, Priority},
    retry::RetryPolicy,
    state::State,
};

/// The columns that [`claimed`] reads.
pub(super) const CLAIMED: &str = "id, queue, kind, payload_version, payload, priority, attempt, max_attempts, \
     claim_token, concurrency_key, order_key, last_error, enqueued_at, run_at";

pub(super) fn claimed(row: &QueryResult) -> Result<ClaimedJob, DbErr> {
    Ok(ClaimedJob {
        id: id(row)?,
        queue: row.try_get("", "queue")?,
        kind: row.try_get("", "kind")?,
        payload_version: row.try_get("", "payload_version")?,
        payload: row.try_get("", "payload")?,
        priority: priority(row)?,
        attempt: count(row, "attempt")?,
        max_attempts: count(row, "max_attempts")?,
        token: row.try_get("", "claim_token")?,
        concurrency_key: row.try_get("", "concurrency_key")?,
        order_key: row.try_get("", "order_key")?,
        last_error: row.try_get("", "last_error")?,
        enqueued_at: time(row.try_get("", "enqueued_at")?),
        run_at: time(row.try_get("", "run_at")?),
    })
}

/// The columns that [`job`] reads.
pub(super) const STORED: &str = "id, queue, kind, payload_version, payload, priority, state, run_at, attempt, \
     max_attempts, retry_base_ms, retry_cap_ms, claim_token, lease_until, worker_id, unique_key, concurrency_key, \
     concurrency_limit, order_key, cancel_requested, progress, history, last_error, dead_reason, enqueued_at, finished_at";

pub(super) fn job(row: &QueryResult) -> Result<Job, DbErr> {
    // A payload that cannot be read is shown as its text.
    let payload = row.try_get("", "payload").or_else(|_| row.try_get("", "payload").map(Json::String))?;
    Ok(Job {
        id: id(row)?,
        queue: row.try_get("", "queue")?,
        kind: row.try_get("", "kind")?,
        payload_version: row.try_get("", "payload_version")?,
        payload,
        priority: priority(row)?,
        state: state(row)?,
        run_at: time(row.try_get("", "run_at")?),
        attempt: count(row, "attempt")?,
        max_attempts: count(row, "max_attempts")?,
        retry: retry(row)?,
        token: row.try_get("", "claim_token")?,
        lease_until: row.try_get::<Option<i64>>("", "lease_until")?.map(time),
        worker_id: row.try_get("", "worker_id")?,
        unique_key: row.try_get("", "unique_key")?,
        concurrency_key: row.try_get("", "concurrency_key")?,
        concurrency_limit: count(row, "concurrency_limit")?,
        order_key: row.try_get("", "order_key")?,
        cancel_requested: row.try_get("", "cancel_requested")?,
        progress: row.try_get("", "progress")?,
        history: history(row.try_get("", "history")?)?,
        last_error: row.try_get("", "last_error")?,
        dead_reason: row.try_get("", "dead_reason")?,
        enqueued_at: time(row.try_get("", "enqueued_at")?),
        finished_at: row.try_get::<Option<i64>>("", "finished_at")?.map(time),
    })
}

/// An attempt in the column `history`.
#[derive(Debug, Deserialize)]
struct Past {
    attempt: u32,
    worker: Option<String>,
    at: i64,
    outcome: String,
    error: Option<String>,
}

fn history(column: Option<Json>) -> Result<Vec<PastAttempt>, DbErr> {
    let Some(column) = column else { return Ok(Vec::new()) };
    let past: Vec<Past> = serde_json::from_value(column).map_err(|error| DbErr::Json(error.to_string()))?;
    let told = |past: Past| PastAttempt {
        attempt: past.attempt,
        worker: past.worker,
        ended_at: time(past.at),
        outcome: past.outcome,
        error: past.error,
    };
    Ok(past.into_iter().map(told).collect())
}

/// Reads the claim of a row: `id, claim_token`.
pub(super) fn lease(row: &QueryResult) -> Result<LeaseRef, DbErr> {
    Ok(LeaseRef { id: id(row)?, token: row.try_get("", "claim_token")? })
}

pub(super) fn id(row: &QueryResult) -> Result<Uuid, DbErr> {
    row.try_get("", "id")
}

pub(super) fn state(row: &QueryResult) -> Result<State, DbErr> {
    let name: String = row.try_get("", "state")?;
    name.parse().map_err(|unknown: crate::state::UnknownState| DbErr::Type(unknown.to_string()))
}

pub(super) fn priority(row: &QueryResult) -> Result<Priority, DbErr> {
    Priority::from_rank(row.try_get("", "priority")?).map_err(|unknown| DbErr::Type(unknown.to_string()))
}

pub(super) fn count(row: &QueryResult, column: &str) -> Result<u32, DbErr> {
    not_negative(column, row.try_get("", column)?)
}

pub(super) fn retry(row: &QueryResult) -> Result<RetryPolicy, DbErr> {
    Ok(policy(row.try_get("", "retry_base_ms")?, row.try_get("", "retry_cap_ms")?))
}

fn policy(base_ms: i64, cap_ms: i64) -> RetryPolicy {
    RetryPolicy { base: length(base_ms.saturating_mul(1000)), cap: length(cap_ms.saturating_mul(1000)) }
}

fn not_negative(column: &str, count: i32) -> Result<u32, DbErr> {
    u32::try_from(count).map_err(|_| DbErr::Type(format!("{column} is {count}")))
}

fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}
