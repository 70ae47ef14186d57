//! Jobs out of `running`: done, waiting again, or dead.

use std::{collections::HashMap, time::Duration};

use sea_orm::{DatabaseConnection, DbErr};
use uuid::Uuid;

use super::{
    error::is_unique_violation,
    notify::Origin,
    row,
    statement::{Binds, micros},
};
use crate::{
    backend::{Error, LeaseRef, Next, Outcome, Settled, Settlement},
    retry::RetryPolicy,
    state::State,
};

/// Rows per statement.
const CHUNK: usize = 200;
/// The longest error text that is kept.
const LONGEST_ERROR: usize = 16 * 1024;

/// A move from running to waiting or dead.
#[derive(Debug, Clone)]
pub(super) struct Move {
    lease: LeaseRef,
    to: State,
    /// `None` keeps the due time, and with it the place in line.
    delay: Option<Duration>,
    /// Attempts given back.
    refund: i32,
    error: Option<String>,
    reason: Option<String>,
}

/// Stores outcomes; the flag says that something may have become free to claim.
pub(super) async fn settle(
    db: &DatabaseConnection,
    settlements: &[Settlement],
    origin: Origin,
) -> Result<(Vec<Settled>, bool), Error> {
    let mut wake = false;
    let mut answers: HashMap<LeaseRef, Settled> = HashMap::new();
    for chunk in settlements.chunks(CHUNK) {
        let gone = |settlement: &&Settlement| {
            matches!(settlement.outcome, Outcome::Done | Outcome::Answered(_) | Outcome::Cancelled)
        };
        let (gone, stay): (Vec<_>, Vec<_>) = chunk.iter().partition(gone);
        if !gone.is_empty() {
            let mut binds = Binds::new(db);
            let held = binds.held(gone.iter().map(|settlement| settlement.lease));
            let text = format!(
                "DELETE FROM jobs WHERE {held} RETURNING id, claim_token, concurrency_key, order_key{}",
                // What has a key made way for the next of that key.
                origin.due_if(binds.backend, "coalesce(concurrency_key, order_key) IS NOT NULL")
            );
            for row in binds.all(db, text).await? {
                wake |= is_keyed(&row)?;
                answers.insert(row::lease(&row)?, Settled::Applied(Next::Gone));
            }
        }
        let moves = moves(db, &stay).await?;
        wake |= !moves.is_empty();
        answers.extend(apply(db, &moves, origin).await?);
    }
    let answer = |settlement: &Settlement| answers.get(&settlement.lease).cloned().unwrap_or(Settled::Stale);
    Ok((settlements.iter().map(answer).collect(), wake))
}

/// Puts back what was never started.
pub(super) async fn give_back(
    db: &DatabaseConnection,
    leases: &[LeaseRef],
    origin: Origin,
) -> Result<Vec<Settled>, Error> {
    let put_back = |lease: &LeaseRef| Move {
        lease: *lease,
        to: State::Waiting,
        delay: None,
        refund: 1,
        error: None,
        reason: None,
    };
    let mut answers = HashMap::new();
    for chunk in leases.chunks(CHUNK) {
        let moves: Vec<_> = chunk.iter().map(put_back).collect();
        answers.extend(apply(db, &moves, origin).await?);
    }
    Ok(leases.iter().map(|lease| answers.remove(lease).unwrap_or(Settled::Stale)).collect())
}

/// Decides each outcome; those that depend on the attempts used so far are looked up first.
async fn moves(db: &DatabaseConnection, settlements: &[&Settlement]) -> Result<Vec<Move>, Error> {
    let retries: Vec<_> =
        settlements.iter().filter(|s| matches!(s.outcome, Outcome::Retry { .. })).map(|s| s.lease).collect();
    let attempts = attempts(db, &retries).await?;
    let decide = |settlement: &&Settlement| {
        let lease = settlement.lease;
        let (to, delay, refund, error, reason) = match &settlement.outcome {
            Outcome::Done | Outcome::Answered(_) | Outcome::Cancelled => return None,
            Outcome::Snooze { delay } => (State::Waiting, Some(*delay), 1, None, None),
            Outcome::Dead { reason, error } => {
                (State::Dead, None, 0, Some(clean(error)), Some(clean(reason)))
            }
            Outcome::Retry { error, at_least } => {
                // No row: the claim is stale, which the update would find as well.
                let (attempt, max_attempts, policy) = attempts.get(&lease.id)?;
                if attempt >= max_attempts {
                    (State::Dead, None, 0, Some(clean(error)), Some(format!("failed {attempt} times")))
                } else {
                    (State::Waiting, Some(policy.delay(*attempt, *at_least)), 0, Some(clean(error)), None)
                }
            }
        };
        Some(Move { lease, to, delay, refund, error, reason })
    };
    Ok(settlements.iter().filter_map(decide).collect())
}

async fn attempts(
    db: &DatabaseConnection,
    leases: &[LeaseRef],
) -> Result<HashMap<Uuid, (u32, u32, RetryPolicy)>, DbErr> {
    if leases.is_empty() {
        return Ok(HashMap::new());
    }
    let mut binds = Binds::new(db);
    let held = binds.held(leases.iter().copied());
    let text =
        format!("SELECT id, attempt, max_attempts, retry_base_ms, retry_cap_ms FROM jobs WHERE {held}");
    let rows = binds.all(db, text).await?;
    let read = |row| {
        let used = (row::count(row, "attempt")?, row::count(row, "max_attempts")?, row::retry(row)?);
        Ok((row::id(row)?, used))
    };
    rows.iter().map(read).collect()
}

/// Makes the moves that are not stale. A job whose unique key has a waiting twin by now goes back without its key: it
/// keeps its place and the twin keeps the name. Two such moves in one statement do not see each other, and neither do
/// two that commit together, hence the moves one by one when the index objects.
async fn apply(
    db: &DatabaseConnection,
    moves: &[Move],
    origin: Origin,
) -> Result<HashMap<LeaseRef, Settled>, Error> {
    match apply_at_once(db, moves, origin).await {
        Err(error) if is_unique_violation(&error) => {}
        result => return Ok(result?),
    }
    let mut answers = HashMap::new();
    for one in moves {
        let mut tries = 0;
        answers.extend(loop {
            tries += 1;
            match apply_at_once(db, std::slice::from_ref(one), origin).await {
                Err(error) if is_unique_violation(&error) && tries < 5 => continue,
                Err(error) if is_unique_violation(&error) => {
                    return Err(Error::Contended(one.lease.to_string()));
                }
                result => break result?,
            }
        });
    }
    Ok(answers)
}

async fn apply_at_once(
    db: &DatabaseConnection,
    moves: &[Move],
    origin: Origin,
) -> Result<HashMap<LeaseRef, Settled>, DbErr> {
    if moves.is_empty() {
        return Ok(HashMap::new());
    }
    let mut binds = Binds::new(db);
    let now = binds.now();
    let mut values = Vec::new();
    for one in moves {
        let (job, token) = (binds.bind(one.lease.id), binds.bind(one.lease.token));
        let (to, delay) = (binds.bind(one.to.as_str()), binds.bind(one.delay.map(micros)));
        let refund = binds.bind(one.refund);
        let (error, reason) = (binds.bind(one.error.clone()), binds.bind(one.reason.clone()));
        values.push(format!("({job}, {token}, {to}, {delay}, {refund}, {error}, {reason})"));
    }
    let text = format!(
        "WITH moves(job, token, next_state, delay, refund, error, reason) AS (VALUES {values}) \
         UPDATE jobs SET state = moves.next_state, run_at = coalesce({now} + moves.delay, jobs.run_at), \
         attempt = jobs.attempt - moves.refund, lease_until = NULL, worker_id = NULL, \
         last_error = coalesce(moves.error, jobs.last_error), dead_reason = moves.reason, \
         finished_at = CASE WHEN moves.next_state = 'dead' THEN {now} END, unique_key = {unique_key} \
         FROM moves WHERE jobs.id = moves.job AND jobs.claim_token = moves.token AND jobs.state = 'running' \
         RETURNING id, claim_token, cancel_requested{told}",
        told = origin.due(binds.backend),
        values = values.join(", "),
        unique_key = UNTWINNED,
    );
    let mut answers = HashMap::new();
    let mut cancelled = Vec::new();
    for row in binds.all(db, text).await? {
        let lease = row::lease(&row)?;
        let Some(one) = moves.iter().find(|one| one.lease == lease) else { continue };
        let next = match one.to {
            State::Dead => Next::Dead { reason: one.reason.clone().unwrap_or_default() },
            _ => Next::Waiting { delay: one.delay.unwrap_or_default() },
        };
        if one.to == State::Waiting && row.try_get("", "cancel_requested")? {
            cancelled.push(one.lease);
        }
        answers.insert(one.lease, Settled::Applied(next));
    }
    if !cancelled.is_empty() {
        remove_cancelled(db, cancelled.iter().map(|lease| lease.id)).await?;
        answers.extend(cancelled.into_iter().map(|lease| (lease, Settled::Applied(Next::Gone))));
    }
    Ok(answers)
}

/// The unique key that a job may keep when it waits again.
pub(super) const UNTWINNED: &str = "CASE WHEN EXISTS (SELECT 1 FROM jobs twin WHERE twin.queue = jobs.queue \
     AND twin.unique_key = jobs.unique_key AND twin.state = 'waiting' AND twin.id <> jobs.id) \
     THEN NULL ELSE jobs.unique_key END";

/// A job that should stop does not wait for another attempt.
pub(super) async fn remove_cancelled(
    db: &DatabaseConnection,
    ids: impl Iterator<Item = Uuid>,
) -> Result<(), DbErr> {
    let mut binds = Binds::new(db);
    let ids = binds.list(ids);
    let text = format!("DELETE FROM jobs WHERE id IN ({ids}) AND state = 'waiting' AND cancel_requested");
    binds.run(db, text).await.map(drop)
}

fn is_keyed(row: &sea_orm::QueryResult) -> Result<bool, DbErr> {
    let (concurrency, order): (Option<String>, Option<String>) =
        (row.try_get("", "concurrency_key")?, row.try_get("", "order_key")?);
    Ok(concurrency.is_some() || order.is_some())
}

/// Text that every store takes: PostgreSQL refuses NUL, and nobody reads megabytes.
fn clean(text: &str) -> String {
    let mut end = text.len().min(LONGEST_ERROR);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{FFFD}")
}
