//! Moves jobs out of `running`: done, waiting again, or dead.

use std::{collections::HashMap, time::Duration};

use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use serde_json::{Value as Json, json};
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use super::{
    error::is_unique_violation,
    leave::{Which, leave},
    notify::{Origin, SOON},
    row,
    statement::{HELD, JobBinds, micros},
};
use crate::{
    backend::{Error, LeaseRef, Next, Outcome, Settled, Settlement},
    retry::RetryPolicy,
    state::State,
};

/// Rows per statement.
const CHUNK: usize = 500;
/// The longest stored error text, in bytes.
const LONGEST_ERROR: usize = 16 * 1024;
/// The longest error text of an attempt in the history, in characters.
const LONGEST_PAST_ERROR: usize = 2000;
/// The most attempts in the history.
const LONGEST_HISTORY: usize = 100;

/// A move from running to waiting or dead.
#[derive(Debug, Clone)]
pub(super) struct Move {
    lease: LeaseRef,
    to: State,
    /// `None` keeps the due time, and so the place in line.
    delay: Option<Duration>,
    /// The number of attempts given back.
    refund: i32,
    error: Option<String>,
    reason: Option<String>,
    /// The outcome in the history; `None` if no attempt was made.
    past: Option<&'static str>,
}

impl Move {
    fn row(&self) -> Json {
        json!({
            "job": self.lease.id.simple().to_string(),
            "token": self.lease.token,
            "next_state": self.to.as_str(),
            "delay": self.delay.map(micros),
            "refund": self.refund,
            "error": self.error,
            "reason": self.reason,
            "past": self.past,
        })
    }
}

/// A claimed job that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) lease: LeaseRef,
    pub(super) error: String,
}

/// Stores outcomes; the flag is true if jobs may have become free to claim.
pub(super) async fn settle(
    db: &DatabaseConnection,
    settlements: &[Settlement],
    origin: &Origin,
) -> Result<(Vec<Settled>, bool), Error> {
    let mut wake = false;
    let mut answers: HashMap<LeaseRef, Settled> = HashMap::with_capacity(settlements.len());
    for chunk in settlements.chunks(CHUNK) {
        let gone: Vec<_> = chunk
            .iter()
            .filter(|one| matches!(one.outcome, Outcome::Done | Outcome::Cancelled))
            .map(|one| one.lease)
            .collect();
        for left in leave(db, Which::Held, &gone, origin).await? {
            wake |= left.keyed;
            answers.insert(left.lease, Settled::Applied(Next::Gone));
        }
        if gone.len() < chunk.len() {
            let moves = moves(db, chunk).await?;
            wake |= !moves.is_empty();
            answers.extend(apply(db, &moves, origin).await?);
        }
    }
    let answer = |settlement: &Settlement| answers.get(&settlement.lease).cloned().unwrap_or(Settled::Stale);
    Ok((settlements.iter().map(answer).collect(), wake))
}

/// Makes claimed jobs that cannot be read dead.
pub(super) async fn bury(
    db: &DatabaseConnection,
    unreadable: &[Unreadable],
    origin: &Origin,
) -> Result<(), Error> {
    let give_up = |one: &Unreadable| Move {
        lease: one.lease,
        to: State::Dead,
        delay: None,
        refund: 0,
        error: Some(clean(&one.error)),
        reason: Some("it cannot be read".to_owned()),
        past: Some("dead"),
    };
    let moves: Vec<_> = unreadable.iter().map(give_up).collect();
    apply(db, &moves, origin).await.map(drop)
}

/// Puts back jobs that were never started.
pub(super) async fn give_back(
    db: &DatabaseConnection,
    leases: &[LeaseRef],
    origin: &Origin,
) -> Result<Vec<Settled>, Error> {
    let put_back = |lease: &LeaseRef| Move {
        lease: *lease,
        to: State::Waiting,
        delay: None,
        refund: 1,
        error: None,
        reason: None,
        past: None,
    };
    let mut answers = HashMap::new();
    for chunk in leases.chunks(CHUNK) {
        let moves: Vec<_> = chunk.iter().map(put_back).collect();
        answers.extend(apply(db, &moves, origin).await?);
    }
    Ok(leases.iter().map(|lease| answers.remove(lease).unwrap_or(Settled::Stale)).collect())
}

/// Computes each move; outcomes that depend on the attempts used need a query first.
async fn moves(db: &DatabaseConnection, settlements: &[Settlement]) -> Result<Vec<Move>, Error> {
    let retries: Vec<_> =
        settlements.iter().filter(|s| matches!(s.outcome, Outcome::Retry { .. })).map(|s| s.lease).collect();
    let attempts = attempts(db, &retries).await?;
    let decide = |settlement: &Settlement| {
        let lease = settlement.lease;
        let stay =
            |to: State| Move { lease, to, delay: None, refund: 0, error: None, reason: None, past: None };
        match &settlement.outcome {
            Outcome::Done | Outcome::Cancelled => None,
            Outcome::Snooze { delay } => {
                Some(Move { delay: Some(*delay), refund: 1, ..stay(State::Waiting) })
            }
            Outcome::Dead { reason, error } => {
                let (error, reason) = (Some(clean(error)), Some(clean(reason)));
                Some(Move { error, reason, past: Some("dead"), ..stay(State::Dead) })
            }
            Outcome::Retry { error, at_least } => {
                // Without a row the claim is stale, as the update would find too.
                let (attempt, max_attempts, policy) = attempts.get(&lease.id)?;
                let error = Some(clean(error));
                Some(if attempt >= max_attempts {
                    let reason = Some(format!("failed {attempt} times"));
                    Move { error, reason, past: Some("dead"), ..stay(State::Dead) }
                } else {
                    let delay = Some(policy.delay(*attempt, *at_least));
                    Move { error, delay, past: Some("retry"), ..stay(State::Waiting) }
                })
            }
        }
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
    let held = binds.leases(leases.iter().copied());
    let text = format!(
        "WITH held AS {held} SELECT jobs.id AS id, attempt, max_attempts, retry_base_ms, retry_cap_ms \
         FROM held CROSS JOIN jobs WHERE {HELD}{}",
        binds.by_id(),
    );
    let rows = binds.all(db, text).await?;
    let read = |row| {
        let used = (row::count(row, "attempt")?, row::count(row, "max_attempts")?, row::retry(row)?);
        Ok((row::id(row)?, used))
    };
    rows.iter().map(read).collect()
}

/// Applies the moves that are not stale. A job whose unique key has a waiting twin by now goes back without its key:
/// the job keeps its place and the twin keeps the key. Two such moves do not see each other in one statement or in
/// concurrent transactions, so the moves are applied one by one after a violation of the index.
async fn apply(
    db: &DatabaseConnection,
    moves: &[Move],
    origin: &Origin,
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
    origin: &Origin,
) -> Result<HashMap<LeaseRef, Settled>, DbErr> {
    if moves.is_empty() {
        return Ok(HashMap::new());
    }
    let mut binds = Binds::new(db);
    let now = binds.now();
    let columns = [
        ("job", Kind::Id),
        ("token", Kind::Number),
        ("next_state", Kind::Text),
        ("delay", Kind::Number),
        ("refund", Kind::Number),
        ("error", Kind::Text),
        ("reason", Kind::Text),
        ("past", Kind::Text),
    ];
    let rows = binds.rows(moves.iter().map(Move::row).collect(), &columns);
    // Jobs due soon may be claimed then; a job with a key has made way for the next one of that key.
    let told = format!(
        "(held.next_state = 'waiting' AND coalesce(held.delay, 0) <= {SOON}) \
         OR coalesce(jobs.concurrency_key, jobs.order_key) IS NOT NULL"
    );
    let text = format!(
        "WITH held AS {rows} UPDATE jobs SET state = held.next_state, run_at = coalesce({now} + held.delay, jobs.run_at), \
         attempt = jobs.attempt - held.refund, lease_until = NULL, worker_id = NULL, \
         last_error = coalesce(held.error, jobs.last_error), dead_reason = held.reason, \
         finished_at = CASE WHEN held.next_state = 'dead' THEN {now} END, unique_key = {UNTWINNED}, \
         history = CASE WHEN held.past IS NULL THEN jobs.history ELSE {history} END \
         FROM held WHERE {HELD}{by_id} RETURNING id, claim_token, cancel_requested{told}",
        by_id = binds.by_id(),
        told = origin.due_if(binds.backend, &told),
        history = history(&binds, "held.past", "held.error"),
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
        remove_cancelled(db, cancelled.iter().map(|lease| lease.id), origin).await?;
        answers.extend(cancelled.into_iter().map(|lease| (lease, Settled::Applied(Next::Gone))));
    }
    Ok(answers)
}

/// Returns the history plus the ending attempt, the job's current one, without the oldest attempt if it is too long.
pub(super) fn history(binds: &Binds, outcome: &str, error: &str) -> String {
    let now = binds.now();
    let past = format!(
        "'attempt', jobs.attempt, 'worker', jobs.worker_id, 'at', {now}, 'outcome', {outcome}, \
         'error', substr({error}, 1, {LONGEST_PAST_ERROR})"
    );
    match binds.backend {
        DbBackend::Postgres => format!(
            "CASE WHEN jsonb_array_length(jobs.history) >= {LONGEST_HISTORY} THEN jobs.history - 0 \
             ELSE coalesce(jobs.history, '[]') END || jsonb_build_array(jsonb_build_object({past}))"
        ),
        _ => format!(
            "json_insert(CASE WHEN json_array_length(jobs.history) >= {LONGEST_HISTORY} \
             THEN json_remove(jobs.history, '$[0]') ELSE coalesce(jobs.history, '[]') END, '$[#]', json_object({past}))"
        ),
    }
}

/// The unique key that a job may keep when it waits again. The subquery repeats the condition of its index; otherwise
/// SQLite would read the whole table for every job.
pub(super) const UNTWINNED: &str = "CASE WHEN jobs.unique_key IS NOT NULL AND \
     EXISTS (SELECT 1 FROM jobs twin WHERE twin.queue = jobs.queue AND twin.unique_key = jobs.unique_key \
     AND twin.unique_key IS NOT NULL AND twin.state = 'waiting' AND twin.id <> jobs.id) \
     THEN NULL ELSE jobs.unique_key END";

/// Removes cancelled jobs, so that they do not wait for another attempt.
pub(super) async fn remove_cancelled(
    db: &DatabaseConnection,
    ids: impl Iterator<Item = Uuid>,
    origin: &Origin,
) -> Result<(), DbErr> {
    let leaving: Vec<_> = ids.map(|id| LeaseRef { id, token: 0 }).collect();
    leave(db, Which::Unwanted, &leaving, origin).await.map(drop)
}

/// Cleans a text for every store: PostgreSQL refuses NUL, and the length is bounded.
fn clean(text: &str) -> String {
    let mut end = text.len().min(LONGEST_ERROR);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{FFFD}")
}
