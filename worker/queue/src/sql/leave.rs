//! Removes jobs from the queue for good, and keeps how they went for a time.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult};
use serde_json::{Value as Json, json};
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use super::{
    notify::Origin,
    row,
    statement::{HELD, JobBinds},
};
use crate::backend::LeaseRef;

/// Selects which of the named jobs leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Jobs that run under the named claim.
    Held,
    /// Jobs that wait.
    Waiting,
    /// Waiting jobs whose cancellation was requested.
    Unwanted,
}

impl Which {
    fn condition(self) -> &'static str {
        match self {
            Which::Held => HELD,
            Which::Waiting => "jobs.id = held.job AND jobs.state = 'waiting'",
            Which::Unwanted => {
                "jobs.id = held.job AND jobs.state = 'waiting' AND jobs.cancel_requested = TRUE"
            }
        }
    }
}

/// A job that is to leave.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) job: Uuid,
    pub(super) token: i64,
    pub(super) cancelled: bool,
    pub(super) result: Option<Json>,
}

impl Leaving {
    pub(super) fn cancelled(job: Uuid) -> Self {
        Self { job, token: 0, cancelled: true, result: None }
    }

    fn row(&self) -> Json {
        json!({
            "job": self.job.simple().to_string(),
            "token": self.token,
            "cancelled": i64::from(self.cancelled),
            "result": self.result.as_ref().map(Json::to_string),
        })
    }
}

/// A job that has left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    pub(super) lease: LeaseRef,
    /// It had a key, so the next job of that key may start.
    pub(super) keyed: bool,
}

impl Left {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self { lease: row::lease(row)?, keyed: row.try_get("", "keyed")? })
    }
}

const COLUMNS: &[(&str, Kind)] =
    &[("job", Kind::Id), ("token", Kind::Number), ("cancelled", Kind::Number), ("result", Kind::Text)];
const KEYED: &str = "(jobs.concurrency_key IS NOT NULL OR jobs.order_key IS NOT NULL) AS keyed";
const KEPT: &str = "INSERT INTO job_results \
     (id, queue, kind, cancelled, result, last_error, attempt, ended_at, expires_at)";
/// A job with this id may have been pushed again after the first one left.
const LATEST: &str = "ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, kind = excluded.kind, \
     cancelled = excluded.cancelled, result = excluded.result, last_error = excluded.last_error, \
     attempt = excluded.attempt, ended_at = excluded.ended_at, expires_at = excluded.expires_at";

pub(super) async fn leave(
    db: &DatabaseConnection,
    which: Which,
    leaving: &[Leaving],
    origin: &Origin,
) -> Result<Vec<Left>, DbErr> {
    if leaving.is_empty() {
        return Ok(Vec::new());
    }
    match db.get_database_backend() {
        DbBackend::Postgres => leave_postgres(db, which, leaving, origin).await,
        _ => leave_sqlite(db, which, leaving).await,
    }
}

async fn leave_postgres(
    db: &DatabaseConnection,
    which: Which,
    leaving: &[Leaving],
    origin: &Origin,
) -> Result<Vec<Left>, DbErr> {
    let mut binds = Binds::new(db);
    let now = binds.now();
    let rows = binds.rows(leaving.iter().map(Leaving::row).collect(), COLUMNS);
    let text = format!(
        "WITH held AS MATERIALIZED {rows}, \
         gone AS (DELETE FROM jobs USING held WHERE {condition}{by_id} RETURNING jobs.id, jobs.claim_token, \
         jobs.queue, jobs.kind, jobs.last_error, jobs.attempt, jobs.keep_result_ms, {KEYED}, held.cancelled, \
         held.result{told}), \
         kept AS ({KEPT} SELECT id, queue, kind, cancelled = 1, CAST(result AS jsonb), last_error, attempt, {now}, \
         {now} + keep_result_ms * 1000 FROM gone WHERE keep_result_ms > 0 {LATEST}) \
         SELECT id, claim_token, keyed FROM gone",
        condition = which.condition(),
        by_id = binds.by_id(),
        // A job with a key makes way for the next one of that key.
        told = origin.due_if(binds.backend, "coalesce(jobs.concurrency_key, jobs.order_key) IS NOT NULL"),
    );
    binds.all(db, text).await?.iter().map(Left::read).collect()
}

/// Uses no transaction around both statements: it would block every other writer, renewals too, for as long as handlers
/// that block the runtime keep this task from ending it. A crash between the two loses a result that was to be kept.
async fn leave_sqlite(
    db: &DatabaseConnection,
    which: Which,
    leaving: &[Leaving],
) -> Result<Vec<Left>, DbErr> {
    let mut binds = Binds::new(db);
    let rows = binds.rows(leaving.iter().map(Leaving::row).collect(), COLUMNS);
    let text = format!(
        "DELETE FROM jobs WHERE rowid IN (SELECT jobs.rowid FROM {rows} AS held CROSS JOIN jobs WHERE {condition}) \
         RETURNING id, claim_token, {KEYED}, CASE WHEN keep_result_ms > 0 THEN json_object('queue', queue, \
         'kind', kind, 'error', last_error, 'attempt', attempt, 'keep', keep_result_ms) END AS kept",
        condition = which.condition(),
    );
    let rows = binds.all(db, text).await?;
    let (mut left, mut kept) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in &rows {
        let one = Left::read(row)?;
        left.push(one);
        // Most jobs leave no result.
        let Some(mut known) = row.try_get::<Option<Json>>("", "kept")? else { continue };
        let cause = leaving.iter().find(|other| {
            other.job == one.lease.id && (which != Which::Held || other.token == one.lease.token)
        });
        let Some(cause) = cause else { continue };
        known["id"] = json!(one.lease.id.simple().to_string());
        known["cancelled"] = json!(i64::from(cause.cancelled));
        known["result"] = json!(cause.result.as_ref().map(Json::to_string));
        kept.push(known);
    }
    if !kept.is_empty() {
        let mut binds = Binds::new(db);
        let now = binds.now();
        let columns = [
            ("id", Kind::Id),
            ("queue", Kind::Text),
            ("kind", Kind::Text),
            ("cancelled", Kind::Number),
            ("result", Kind::Text),
            ("error", Kind::Text),
            ("attempt", Kind::Number),
            ("keep", Kind::Number),
        ];
        let rows = binds.rows(kept, &columns);
        let text = format!(
            "{KEPT} SELECT gone.id, gone.queue, gone.kind, gone.cancelled, gone.result, gone.error, gone.attempt, {now}, \
             {now} + gone.keep * 1000 FROM {rows} AS gone WHERE TRUE {LATEST}"
        );
        binds.run(db, text).await?;
    }
    Ok(left)
}

/// Removes a bounded number of expired results and unique windows. Returns true if there may be more.
pub(super) async fn purge(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let now = Binds::new(db).now();
    let results = format!(
        "DELETE FROM job_results WHERE id IN (SELECT id FROM job_results WHERE expires_at <= {now} \
         ORDER BY expires_at LIMIT {PURGED})"
    );
    let windows = format!(
        "DELETE FROM job_unique_windows WHERE (queue, unique_key) IN (SELECT queue, unique_key \
         FROM job_unique_windows WHERE until <= {now} ORDER BY until LIMIT {PURGED}) AND until <= {now}"
    );
    let mut more = false;
    for text in [results, windows] {
        more |= Binds::new(db).run(db, text).await? >= PURGED;
    }
    Ok(more)
}

/// Rows per statement of a purge.
const PURGED: u64 = 500;
/// How often to purge.
pub(super) const PURGE_EVERY: Duration = Duration::from_secs(10);
