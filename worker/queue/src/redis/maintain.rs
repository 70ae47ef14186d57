//! Renews and rescues leases; cancels, replays and discards jobs; pauses queues.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{
    RedisBackend,
    blob::micros,
    bump,
    claim::member,
    reply,
    script::{CHANGE, PAUSE, PROGRESS, RENEW, RESCUE},
};
use crate::{
    backend::{Cancelled, Error, LeaseRef, Next, Renewal, Rescued},
    job::Priority,
};

/// Leases per call of the script.
const CHUNK: usize = 500;
/// The most jobs per rescue of a queue.
const RESCUE_AT_ONCE: usize = 100;

pub(super) async fn renew(
    backend: &RedisBackend,
    leases: &[LeaseRef],
    lease: Duration,
) -> Result<Vec<Renewal>, Error> {
    let mut answers = vec![Renewal::Lost; leases.len()];
    for (queue, positions) in backend.likely(leases).await? {
        let base = backend.base(&queue);
        let open: Vec<_> = positions.into_iter().filter(|at| answers[*at] == Renewal::Lost).collect();
        for chunk in open.chunks(CHUNK) {
            let mut call = RENEW.call(&base);
            call.arg(micros(lease));
            for at in chunk {
                call.arg(&member(leases[*at])[..]);
            }
            let letters = reply::bytes(backend.run(&RENEW, &base, &call).await?)?;
            for (at, letter) in chunk.iter().zip(letters) {
                answers[*at] = match letter {
                    b'h' => Renewal::Held,
                    b'c' => Renewal::CancelRequested,
                    _ => Renewal::Lost,
                };
            }
        }
    }
    Ok(answers)
}

pub(super) async fn rescue(backend: &RedisBackend) -> Result<Vec<Rescued>, Error> {
    let mut rescued = Vec::new();
    for queue in backend.all_queues().await? {
        let base = backend.base(&queue);
        let mut call = RESCUE.call(&base);
        call.arg(RESCUE_AT_ONCE);
        for one in reply::list(backend.run(&RESCUE, &base, &call).await?)? {
            let [id, letter, reason] = reply::several(one)?;
            let id = Uuid::from_slice(&reply::bytes(id)?).map_err(|_| reply::strange("an id"))?;
            let next = match reply::bytes(letter)?.as_slice() {
                b"g" => Next::Gone,
                b"x" => Next::Dead { reason: reply::text(reason)? },
                _ => Next::Waiting { delay: Duration::ZERO },
            };
            rescued.push(Rescued { id, next });
        }
    }
    backend.wake_if(!rescued.is_empty());
    Ok(rescued)
}

pub(super) async fn progress(
    backend: &RedisBackend,
    lease: LeaseRef,
    progress: &Value,
) -> Result<bool, Error> {
    for (queue, positions) in backend.likely(&[lease]).await? {
        if positions.is_empty() {
            continue;
        }
        let base = backend.base(&queue);
        let mut call = PROGRESS.call(&base);
        call.arg(&member(lease)[..]).arg(progress.to_string());
        if reply::flag(&backend.run(&PROGRESS, &base, &call).await?)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn cancel(backend: &RedisBackend, id: Uuid) -> Result<Cancelled, Error> {
    Ok(match change(backend, "cancel", id, 0).await? {
        b'g' => {
            // The removed job may have blocked others.
            bump(&backend.wakeups);
            Cancelled::Removed
        }
        b's' => {
            bump(&backend.cancellations);
            Cancelled::Requested
        }
        _ => Cancelled::Unknown,
    })
}

pub(super) async fn replay(backend: &RedisBackend, id: Uuid) -> Result<bool, Error> {
    let replayed = change(backend, "replay", id, 0).await? == b'w';
    backend.wake_if(replayed);
    Ok(replayed)
}

pub(super) async fn discard(backend: &RedisBackend, id: Uuid) -> Result<bool, Error> {
    Ok(change(backend, "discard", id, 0).await? == b'g')
}

pub(super) async fn set_priority(
    backend: &RedisBackend,
    id: Uuid,
    priority: Priority,
) -> Result<bool, Error> {
    let changed = change(backend, "priority", id, priority.rank()).await? == b'w';
    backend.wake_if(changed);
    Ok(changed)
}

/// Changes one job, whichever queue it is in; returns the script's letter.
async fn change(backend: &RedisBackend, what: &str, id: Uuid, rank: i16) -> Result<u8, Error> {
    for queue in backend.all_queues().await? {
        let base = backend.base(&queue);
        let mut call = CHANGE.call(&base);
        call.arg(what).arg(id.as_bytes()).arg(rank);
        let letter = reply::bytes(backend.run(&CHANGE, &base, &call).await?)?;
        if letter != b"u" {
            return letter.first().copied().ok_or_else(|| reply::strange("nothing"));
        }
    }
    Ok(b'u')
}

pub(super) async fn pause(backend: &RedisBackend, queue: &str, what: &str) -> Result<bool, Error> {
    let base = backend.base(queue);
    let mut call = PAUSE.call(&base);
    call.arg(what);
    reply::flag(&backend.run(&PAUSE, &base, &call).await?)
}
