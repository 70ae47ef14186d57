//! Jobs out of the line.
//!
//! On SQLite a claim is one `UPDATE`, which is atomic as such. On PostgreSQL it is one statement as well, under
//! `SKIP LOCKED`, for jobs without a concurrency key. Jobs with one need more: two claimers that start together do not
//! see each other's uncommitted rows and could each start a job of the same key. So they are taken in a transaction
//! that first gets an advisory lock for the key, and only then, in a statement of its own and thus with a newer
//! snapshot, looks whether a job of the key runs. Whoever held the lock before has committed by then. The lock is only
//! tried, never waited for: a claimer that hangs holds up its own keys and nobody else.

use std::{collections::HashSet, time::Duration};

use sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult, TransactionTrait};
use uuid::Uuid;

use super::{
    row::{self, CLAIMED},
    statement::{Binds, Bound, length, micros},
};
use crate::{
    backend::{ClaimRequest, Claimed, Error},
    job::{ClaimedJob, Priority},
};

pub(super) async fn claim(db: &DatabaseConnection, request: &ClaimRequest) -> Result<Claimed, Error> {
    if request.limit == 0 {
        return Ok(Claimed::default());
    }
    let mut claimed = match db.get_database_backend() {
        DbBackend::Postgres => claim_postgres(db, request).await?,
        _ => claim_sqlite(db, request).await?,
    };
    claimed.jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
    if claimed.jobs.is_empty() && claimed.next_due.is_none() {
        claimed.next_due = next_due(db, &request.queue).await?;
    }
    Ok(claimed)
}

async fn claim_sqlite(db: &DatabaseConnection, request: &ClaimRequest) -> Result<Claimed, DbErr> {
    let mut binds = Binds::new(db);
    let line = line(&mut binds, request);
    let taken = taken(&mut binds, request);
    let queue = binds.bind(&*request.queue);
    let next_due = next_due_expression(&binds, queue);
    // Of the jobs at the head of the line only the first of a key is taken; the rest of them is busy after that.
    let text = format!(
        "UPDATE jobs SET {taken} WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER \
         (PARTITION BY coalesce(concurrency_key, id) ORDER BY priority, run_at, id) AS nth FROM ({line})) \
         WHERE nth = 1) RETURNING {CLAIMED}, {next_due} AS next_due"
    );
    let rows = binds.all(db, text).await?;
    gather(&rows, request.limit)
}

async fn claim_postgres(db: &DatabaseConnection, request: &ClaimRequest) -> Result<Claimed, Error> {
    let mut binds = Binds::new(db);
    let line = line(&mut binds, request);
    let taken = taken(&mut binds, request);
    let queue = binds.bind(&*request.queue);
    let next_due = next_due_expression(&binds, queue);
    let text = format!(
        "WITH line AS MATERIALIZED ({line} FOR UPDATE SKIP LOCKED), \
         taken AS (UPDATE jobs SET {taken} FROM line WHERE jobs.id = line.id AND line.concurrency_key IS NULL \
         RETURNING {columns}) \
         SELECT line.id AS line_id, line.concurrency_key AS line_key, taken.*, {next_due} AS next_due \
         FROM line LEFT JOIN taken ON taken.id = line.id ORDER BY line.priority, line.run_at, line.id",
        columns = CLAIMED
            .split(", ")
            .map(|column| format!("jobs.{}", column.trim()))
            .collect::<Vec<_>>()
            .join(", "),
    );
    let rows = binds.all(db, text).await?;
    let (free, keyed): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| matches!(row.try_get::<Option<String>>("", "line_key"), Ok(None)));
    let mut claimed = gather(&free, request.limit)?;
    if !keyed.is_empty() {
        match claim_keyed(db, request, &keyed).await {
            Ok(jobs) => claimed.jobs.extend(jobs),
            Err(error) if claimed.jobs.is_empty() => return Err(error.into()),
            // What was taken already must reach its handler; the rest has its turn next time.
            Err(error) => tracing::warn!(%error, "jobs with a concurrency key could not be claimed"),
        }
        // Several jobs of one key may have stood in front of others, so there may be more. With nothing taken another
        // claimer is taking those keys just now: they are out of the way in a moment.
        claimed.more = !claimed.jobs.is_empty();
        if claimed.jobs.is_empty() {
            claimed.next_due = Some(Duration::from_millis(10));
        }
    }
    Ok(claimed)
}

/// Takes the first of each key, if no other job of that key runs; see the head of this file.
async fn claim_keyed(
    db: &DatabaseConnection,
    request: &ClaimRequest,
    line: &[QueryResult],
) -> Result<Vec<ClaimedJob>, DbErr> {
    let (mut keys, mut ids) = (HashSet::new(), Vec::new());
    for row in line {
        let key: String = row.try_get("", "line_key")?;
        if keys.insert(key) {
            ids.push(row.try_get::<Uuid>("", "line_id")?);
        }
    }
    let transaction = db.begin().await?;

    let mut binds = Binds::new(&transaction);
    let queue = binds.bind(&*request.queue);
    let values: Vec<_> = keys.iter().map(|key| format!("({})", binds.bind(&**key))).collect();
    let text = format!(
        "SELECT key FROM (VALUES {}) AS keys(key) \
         WHERE pg_try_advisory_xact_lock(hashtextextended('syncline:jobs:' || {queue} || ':' || key, 0))",
        values.join(", ")
    );
    let locked: Vec<String> = binds
        .all(&transaction, text)
        .await?
        .iter()
        .map(|row| row.try_get("", "key"))
        .collect::<Result<_, _>>()?;
    if locked.is_empty() {
        transaction.rollback().await?;
        return Ok(Vec::new());
    }

    let mut binds = Binds::new(&transaction);
    let taken = taken(&mut binds, request);
    let (ids, locked) = (binds.list(ids), binds.list(locked));
    let text = format!(
        "WITH line AS MATERIALIZED (SELECT j.id FROM jobs j WHERE j.id IN ({ids}) AND j.state = 'waiting' \
         AND j.concurrency_key IN ({locked}) AND {idle} FOR UPDATE SKIP LOCKED) \
         UPDATE jobs SET {taken} WHERE id IN (SELECT id FROM line) RETURNING {CLAIMED}",
        idle = IDLE
    );
    let jobs = binds.all(&transaction, text).await?.iter().map(row::claimed).collect::<Result<_, _>>()?;
    transaction.commit().await?;
    Ok(jobs)
}

/// No job of the same concurrency key runs.
const IDLE: &str = "NOT EXISTS (SELECT 1 FROM jobs r WHERE r.queue = j.queue \
     AND r.concurrency_key = j.concurrency_key AND r.state = 'running')";

/// It is the oldest unfinished job of its order key. Ids are in the order of their making. No lock is needed: a stale
/// snapshot shows an older job as unfinished that is not any more, never the other way round.
const FIRST: &str = "NOT EXISTS (SELECT 1 FROM jobs o WHERE o.queue = j.queue AND o.order_key = j.order_key \
     AND o.state IN ('waiting', 'running') AND o.id < j.id)";

/// The head of the line: what may start now, in order.
fn line(binds: &mut Binds, request: &ClaimRequest) -> String {
    let now = binds.now();
    let queue = binds.bind(&*request.queue);
    let mut text = format!(
        "SELECT j.id, j.concurrency_key, j.priority, j.run_at FROM jobs j \
         WHERE j.queue = {queue} AND j.state = 'waiting' AND j.run_at <= {now} \
         AND (j.concurrency_key IS NULL OR {IDLE}) AND (j.order_key IS NULL OR {FIRST})"
    );
    if let Some(key) = &request.concurrency_key {
        text += &format!(" AND j.concurrency_key = {}", binds.bind(&**key));
    }
    let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
    match request.overdue_by {
        Some(bound) => {
            text += &format!(" AND j.run_at <= {now} - {}", binds.bind(micros(bound)));
            text += " ORDER BY j.run_at, j.id";
        }
        None => text += " ORDER BY j.priority, j.run_at, j.id",
    }
    format!("{text} LIMIT {}", binds.bind(limit))
}

/// What a claim writes.
fn taken(binds: &mut Binds, request: &ClaimRequest) -> String {
    let now = binds.now();
    let (lease, worker) = (binds.bind(micros(request.lease)), binds.bind(&*request.worker_id));
    format!(
        "state = 'running', attempt = attempt + 1, claim_token = claim_token + 1, lease_until = {now} + {lease}, \
         worker_id = {worker}"
    )
}

/// Rows that were all taken.
fn gather(rows: &[QueryResult], limit: usize) -> Result<Claimed, DbErr> {
    let jobs = rows.iter().map(row::claimed).collect::<Result<Vec<_>, _>>()?;
    let next_due: Option<i64> = rows.first().map(|row| row.try_get("", "next_due")).transpose()?.flatten();
    // A shortage is the end of the line, unless jobs of a key that was just taken filled places in front of others.
    let more = jobs.len() >= limit || jobs.iter().any(|job| job.concurrency_key.is_some());
    Ok(Claimed { jobs, next_due: next_due.map(length), more })
}

/// How long until the next delayed job is due. One look per priority, so that each is the first entry of an index
/// range. What is due already and held up by a key is not counted: it becomes free by a settlement, not by time.
fn next_due_expression(binds: &Binds, queue: Bound) -> String {
    let now = binds.now();
    let looks: Vec<_> = Priority::ALL
        .iter()
        .map(|priority| {
            format!(
                "SELECT min(run_at) AS due FROM jobs WHERE queue = {queue} AND state = 'waiting' \
                 AND priority = {} AND run_at > {now}",
                priority.rank()
            )
        })
        .collect();
    format!("(SELECT min(due) - {now} FROM ({}) AS soonest)", looks.join(" UNION ALL "))
}

async fn next_due(db: &DatabaseConnection, queue: &str) -> Result<Option<Duration>, DbErr> {
    let mut binds = Binds::new(db);
    let queue = binds.bind(queue);
    let text = format!("SELECT {} AS next_due", next_due_expression(&binds, queue));
    let rows = binds.all(db, text).await?;
    let due: Option<i64> = rows.first().map(|row| row.try_get("", "next_due")).transpose()?.flatten();
    Ok(due.map(length))
}
