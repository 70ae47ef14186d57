//! Claims jobs.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use uuid::Uuid;

use super::{
    RedisBackend,
    blob::{self, micros},
    keys, reply,
    script::CLAIM,
    settle,
};
use crate::{
    backend::{ClaimRequest, Claimed, Error, LeaseRef, Outcome, Settlement},
    job::ClaimedJob,
};

/// The most jobs per call of the script; a larger request gets `more`.
const MOST: usize = 1000;

pub(super) async fn claim(backend: &RedisBackend, request: &ClaimRequest) -> Result<Claimed, Error> {
    if request.limit == 0 {
        return Ok(Claimed::default());
    }
    backend.claims.fetch_add(1, Ordering::Relaxed);
    let base = backend.base(&request.queue);
    let answer = backend.run(&CLAIM, &base, &call(request, &base)).await?;
    read(backend, request, answer).await
}

/// The longest wait of one call. Each new call also shows that a worker still waits.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Waits for the queue's wake token and claims, sent in one pipeline: the server starts the claim when the wait ends.
pub(super) async fn claim_next(
    backend: &RedisBackend,
    request: &ClaimRequest,
    wait: Duration,
) -> Option<Result<Claimed, Error>> {
    if backend.standing.is_cluster() || request.limit == 0 {
        return None;
    }
    let base = backend.base(&request.queue);
    // The lease is counted from when this is sent, so the wait shortens it.
    let wait = wait.min(LONGEST_WAIT).min(request.lease / 10).max(Duration::from_millis(1));
    let mut pipeline = redis::pipe();
    let mut blpop = Cmd::new();
    blpop.arg("BLPOP").arg(keys::wake(&base)).arg(keys::told(&base, &backend.ear)).arg(wait.as_secs_f64());
    // Errors are kept per command: jobs may be claimed although the wait failed.
    pipeline.add_command(blpop).add_command(call(request, &base)).ignore_errors();
    backend.note_standing_by();
    let answers = backend.standing.run_in_one_go(&pipeline).await?;
    backend.claims.fetch_add(1, Ordering::Relaxed);
    let claimed = match answers.map(|answers| answers.into_iter().nth(1)) {
        Ok(Some(Value::ServerError(error))) => Err(RedisError::from(error)),
        Ok(Some(answer)) => return Some(read(backend, request, answer).await),
        Ok(None) => return Some(Err(reply::strange("no answer to a claim"))),
        Err(error) => Err(error),
    };
    Some(match claimed {
        // A new server does not know the script; a plain claim loads it.
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            claim(backend, request).await
        }
        Err(error) => Err(error.into()),
        Ok(claimed) => Ok(claimed),
    })
}

/// Ends the waits for work of this instance.
pub(super) async fn rouse(backend: &RedisBackend, queue: &str) {
    let told = keys::told(&backend.base(queue), &backend.ear);
    for (name, value) in [("RPUSH", "1"), ("PEXPIRE", "10000")] {
        let mut cmd = Cmd::new();
        cmd.arg(name).arg(&told).arg(value);
        // The waits time out by themselves soon.
        if let Err(error) = backend.connection.run(&cmd).await {
            tracing::debug!(%error, "a wait for work could not be ended early");
        }
    }
}

fn call(request: &ClaimRequest, base: &str) -> Cmd {
    let mut call = CLAIM.call(base);
    call.arg(&request.worker_id).arg(request.limit.min(MOST)).arg(micros(request.lease));
    match request.overdue_by {
        Some(bound) => call.arg(micros(bound)),
        None => call.arg(""),
    };
    call.arg(request.concurrency_key.as_deref().unwrap_or_default());
    call
}

async fn read(backend: &RedisBackend, request: &ClaimRequest, answer: Value) -> Result<Claimed, Error> {
    backend.queues.learn(&request.queue);
    let [next_due, more, members, blobs, errors] = reply::several(answer)?;
    let (next_due, more) = (reply::number(&next_due)?, reply::flag(&more)?);
    let mut errors = gather(errors)?;
    let (members, blobs) = (reply::texts(members)?, reply::texts(blobs)?);
    let mut jobs = Vec::with_capacity(members.len());
    let mut unreadable = Vec::new();
    for (at, (member, raw)) in members.iter().zip(&blobs).enumerate() {
        let lease = lease(member)?;
        match job(&request.queue, lease, raw, errors.remove(&at)) {
            Some(job) => jobs.push(job),
            None => unreadable.push((lease, raw)),
        }
    }
    backend.queues.claimed(&request.queue, jobs.iter().map(|job| job.id));
    if !unreadable.is_empty() {
        bury(backend, &request.queue, &unreadable).await;
    }
    if request.overdue_by.is_some() || request.concurrency_key.is_some() {
        jobs.sort_by_key(|job| (job.priority, job.run_at, job.id));
    }
    let next_due = u64::try_from(next_due).ok().map(Duration::from_micros);
    Ok(Claimed { jobs, next_due, more })
}

/// Returns the last errors by the job's position, from zero.
fn gather(errors: Value) -> Result<HashMap<usize, String>, Error> {
    let one = |error| {
        let [at, error] = reply::several(error)?;
        let at = usize::try_from(reply::number(&at)? - 1).map_err(|_| reply::strange("a position"))?;
        Ok((at, reply::text(error)?))
    };
    reply::list(errors)?.into_iter().map(one).collect()
}

/// Reads a lease from its member: the id, then the token.
pub(super) fn lease(member: &[u8]) -> Result<LeaseRef, Error> {
    let parts = member.split_at_checked(16).and_then(|(id, token)| {
        Some(LeaseRef { id: Uuid::from_slice(id).ok()?, token: i64::from_be_bytes(token.try_into().ok()?) })
    });
    parts.ok_or_else(|| reply::strange("a lease"))
}

/// Returns the member of a lease.
pub(super) fn member(lease: LeaseRef) -> [u8; 24] {
    let mut member = [0; 24];
    member[..16].copy_from_slice(lease.id.as_bytes());
    member[16..].copy_from_slice(&lease.token.to_be_bytes());
    member
}

fn job(queue: &str, lease: LeaseRef, raw: &[u8], last_error: Option<String>) -> Option<ClaimedJob> {
    let stored = blob::decode(raw)?;
    Some(ClaimedJob {
        id: lease.id,
        queue: queue.to_owned(),
        kind: stored.kind.to_owned(),
        payload_version: stored.payload_version,
        payload: serde_json::from_slice(stored.payload).ok()?,
        priority: stored.priority,
        attempt: stored.attempts_used.saturating_add(1),
        max_attempts: stored.max_attempts,
        token: lease.token,
        concurrency_key: stored.concurrency.map(|(key, _)| key.to_owned()),
        order_key: stored.order_key.map(str::to_owned),
        last_error,
        enqueued_at: stored.enqueued_at,
        run_at: stored.run_at,
    })
}

/// Makes jobs that cannot be read dead, so that a person can look at them.
async fn bury(backend: &RedisBackend, queue: &str, unreadable: &[(LeaseRef, &Vec<u8>)]) {
    let settlements: Vec<_> = unreadable
        .iter()
        .map(|(lease, raw)| {
            let error = format!("the stored job cannot be read: {}", String::from_utf8_lossy(raw));
            Settlement {
                lease: *lease,
                outcome: Outcome::Dead { reason: "it cannot be read".to_owned(), error },
            }
        })
        .collect();
    // On failure their leases run out, and the next claim tries again.
    if let Err(error) = settle::settle_in(backend, queue, &settlements).await {
        tracing::warn!(%error, jobs = settlements.len(), "jobs that cannot be read could not be put with the dead");
    }
}
