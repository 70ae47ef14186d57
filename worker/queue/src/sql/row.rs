//! Rows of `jobs` into jobs.

use chrono::{DateTime, Utc};
use sea_orm::{DbErr, QueryResult};
use syncline_entity::{
    job as entity,
    types::{self, JobState},
};
use uuid::Uuid;

use super::statement::length;
use crate::{
    backend::LeaseRef,
    job::{ClaimedJob, Job, Priority},
    retry::RetryPolicy,
    state::State,
};

/// What [`claimed`] reads.
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

pub(super) fn job(row: entity::Model) -> Result<Job, DbErr> {
    Ok(Job {
        id: row.id,
        queue: row.queue,
        kind: row.kind,
        payload_version: row.payload_version,
        payload: row.payload,
        priority: row.priority.into(),
        state: row.state.into(),
        run_at: time(row.run_at),
        attempt: not_negative("attempt", row.attempt)?,
        max_attempts: not_negative("max_attempts", row.max_attempts)?,
        retry: policy(row.retry_base_ms, row.retry_cap_ms),
        token: row.claim_token,
        lease_until: row.lease_until.map(time),
        worker_id: row.worker_id,
        unique_key: row.unique_key,
        concurrency_key: row.concurrency_key,
        concurrency_limit: 1,
        order_key: row.order_key,
        cancel_requested: row.cancel_requested,
        progress: row.progress,
        history: Vec::new(),
        last_error: row.last_error,
        dead_reason: row.dead_reason,
        enqueued_at: time(row.enqueued_at),
        finished_at: row.finished_at.map(time),
    })
}

impl From<JobState> for State {
    fn from(state: JobState) -> Self {
        match state {
            JobState::Waiting => State::Waiting,
            JobState::Running => State::Running,
            JobState::Dead => State::Dead,
        }
    }
}

impl From<types::Priority> for Priority {
    fn from(priority: types::Priority) -> Self {
        match priority {
            types::Priority::Critical => Priority::Critical,
            types::Priority::High => Priority::High,
            types::Priority::Normal => Priority::Normal,
            types::Priority::Low => Priority::Low,
        }
    }
}

/// The claim that a row is under: `id, claim_token`.
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
