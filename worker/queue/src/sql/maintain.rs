//! Renews and rescues leases; cancels, replays and discards jobs.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use serde_json::Value;
use syncline_sql::Binds;
use uuid::Uuid;

use super::{
    error::is_unique_violation,
    leave::{Which, leave},
    notify::Origin,
    row,
    settle::{UNTWINNED, history, remove_cancelled},
    statement::{HELD, JobBinds, micros},
};
use crate::{
    backend::{Cancelled, Error, LeaseRef, Next, Renewal, Rescued},
    job::Priority,
    state::State,
};

/// Jobs per rescue.
const RESCUE: usize = 500;
/// The error of an attempt whose lease ran out.
const LOST: &str = "coalesce('the lease of worker ' || jobs.worker_id || ' ran out', 'the lease ran out')";

pub(super) async fn renew(
    db: &DatabaseConnection,
    leases: &[LeaseRef],
    lease: Duration,
) -> Result<Vec<Renewal>, Error> {
    let mut renewed: HashMap<LeaseRef, bool> = HashMap::new();
    for chunk in leases.chunks(500) {
        let mut binds = Binds::new(db);
        let (now, length) = (binds.now(), binds.bind(micros(lease)));
        let held = binds.leases(chunk.iter().copied());
        let text = format!(
            "WITH held AS {held} UPDATE jobs SET lease_until = {now} + {length} FROM held WHERE {HELD}{} \
             RETURNING id, claim_token, cancel_requested",
            binds.by_id(),
        );
        for row in binds.all(db, text).await? {
            renewed.insert(row::lease(&row)?, row.try_get("", "cancel_requested")?);
        }
    }
    let answer = |lease: &LeaseRef| match renewed.get(lease) {
        Some(true) => Renewal::CancelRequested,
        Some(false) => Renewal::Held,
        None => Renewal::Lost,
    };
    Ok(leases.iter().map(answer).collect())
}

pub(super) async fn rescue(db: &DatabaseConnection, origin: &Origin) -> Result<Vec<Rescued>, Error> {
    match rescue_some(db, RESCUE, origin).await {
        // Two jobs of one unique key do not see each other in one statement, so they are rescued one by one.
        Err(error) if is_unique_violation(&error) => Ok(rescue_some(db, 1, origin).await?),
        result => Ok(result?),
    }
}

async fn rescue_some(db: &DatabaseConnection, limit: usize, origin: &Origin) -> Result<Vec<Rescued>, DbErr> {
    let binds = Binds::new(db);
    let now = binds.now();
    let skip = if binds.backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let text = format!(
        "UPDATE jobs SET state = CASE WHEN attempt >= max_attempts THEN 'dead' ELSE 'waiting' END, \
         dead_reason = CASE WHEN attempt >= max_attempts THEN 'crashed ' || attempt || ' times' END, \
         finished_at = CASE WHEN attempt >= max_attempts THEN {now} END, lease_until = NULL, worker_id = NULL, \
         last_error = {LOST}, history = {history}, unique_key = {UNTWINNED} \
         WHERE id IN (SELECT id FROM jobs WHERE state = 'running' AND lease_until < {now} \
         ORDER BY lease_until LIMIT {limit} {skip}) RETURNING id, state, dead_reason, cancel_requested{told}",
        history = history(&binds, "'crashed'", LOST),
        told = origin.due(binds.backend),
    );
    let (mut rescued, mut cancelled) = (Vec::new(), HashSet::new());
    for row in binds.all(db, text).await? {
        let id = row::id(&row)?;
        let dead_reason: Option<String> = row.try_get("", "dead_reason")?;
        let next = match row::state(&row)? {
            State::Dead => Next::Dead { reason: dead_reason.unwrap_or_default() },
            _ if row.try_get("", "cancel_requested")? => {
                cancelled.insert(id);
                Next::Gone
            }
            _ => Next::Waiting { delay: Duration::ZERO },
        };
        rescued.push(Rescued { id, next });
    }
    if !cancelled.is_empty() {
        remove_cancelled(db, cancelled.into_iter(), origin).await?;
    }
    Ok(rescued)
}

pub(super) async fn progress(
    db: &DatabaseConnection,
    lease: LeaseRef,
    progress: &Value,
) -> Result<bool, Error> {
    let mut binds = Binds::new(db);
    let progress = binds.bind(progress.clone());
    let (id, token) = (binds.bind(lease.id), binds.bind(lease.token));
    let text = format!(
        "UPDATE jobs SET progress = {progress} WHERE id = {id} AND claim_token = {token} AND state = 'running'"
    );
    Ok(binds.run(db, text).await? > 0)
}

/// Cancels a job; the flag is true if the next job of a key may now be free to claim.
pub(super) async fn cancel(
    db: &DatabaseConnection,
    id: Uuid,
    origin: &Origin,
) -> Result<(Cancelled, bool), Error> {
    // Twice, since a claim or a retry can change the job's state between the two statements.
    for _ in 0..2 {
        let job = LeaseRef { id, token: 0 };
        if let Some(left) = leave(db, Which::Waiting, &[job], origin).await?.first() {
            return Ok((Cancelled::Removed, left.keyed));
        }
        let ask = format!(
            "UPDATE jobs SET cancel_requested = TRUE WHERE id = $1 AND state = 'running' RETURNING id{}",
            origin.stop(db.get_database_backend())
        );
        if change(db, id, &ask).await? {
            return Ok((Cancelled::Requested, false));
        }
    }
    Ok((Cancelled::Unknown, false))
}

pub(super) async fn replay(db: &DatabaseConnection, id: Uuid, origin: &Origin) -> Result<bool, Error> {
    let now = Binds::new(db).now();
    let text = format!(
        "UPDATE jobs SET state = 'waiting', attempt = 0, run_at = {now}, dead_reason = NULL, finished_at = NULL, \
         cancel_requested = FALSE, unique_key = {UNTWINNED} WHERE id = $1 AND state = 'dead' RETURNING id{}",
        origin.due(db.get_database_backend())
    );
    match change(db, id, &text).await {
        // A twin was pushed between the check and the write; the second try sees it.
        Err(error) if is_unique_violation(&error) => Ok(change(db, id, &text).await?),
        result => Ok(result?),
    }
}

pub(super) async fn discard(db: &DatabaseConnection, id: Uuid) -> Result<bool, Error> {
    Ok(change(db, id, "DELETE FROM jobs WHERE id = $1 AND state = 'dead'").await?)
}

pub(super) async fn set_priority(
    db: &DatabaseConnection,
    id: Uuid,
    priority: Priority,
    origin: &Origin,
) -> Result<bool, Error> {
    let text = format!(
        "UPDATE jobs SET priority = {} WHERE id = $1 AND state = 'waiting' RETURNING id{}",
        priority.rank(),
        origin.due(db.get_database_backend())
    );
    Ok(change(db, id, &text).await?)
}

/// Runs a statement about one job, `$1`; true if it changed the job.
async fn change<C: ConnectionTrait>(db: &C, id: Uuid, text: &str) -> Result<bool, DbErr> {
    let mut binds = Binds::new(db);
    binds.bind(id);
    Ok(binds.run(db, text.to_owned()).await? > 0)
}
