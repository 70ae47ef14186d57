//! Moves jobs out of `running`: done, waiting again, or dead.

use std::{collections::HashMap, time::Duration};

use redis::Value;

use super::{RedisBackend, blob::micros, claim::member, reply, script::SETTLE};
use crate::{
    backend::{Error, LeaseRef, Next, Outcome, Settled, Settlement},
    retry::jitter,
};

/// Settlements per call of the script.
const CHUNK: usize = 250;
/// The longest stored error text, in bytes.
const LONGEST_ERROR: usize = 16 * 1024;

/// The action on one lease.
#[derive(Debug, Clone, Copy)]
enum Said<'a> {
    Outcome(&'a Outcome),
    NeverStarted,
}

pub(super) async fn settle(
    backend: &RedisBackend,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, Error> {
    let said: Vec<_> = settlements.iter().map(|one| (one.lease, Said::Outcome(&one.outcome))).collect();
    everywhere(backend, &said).await
}

/// Settles jobs that are known to be in this queue.
pub(super) async fn settle_in(
    backend: &RedisBackend,
    queue: &str,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, Error> {
    let said: Vec<_> = settlements.iter().map(|one| (one.lease, Said::Outcome(&one.outcome))).collect();
    chunks(backend, queue, &said).await
}

/// Puts back jobs that were never started.
pub(super) async fn give_back(backend: &RedisBackend, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error> {
    let said: Vec<_> = leases.iter().map(|lease| (*lease, Said::NeverStarted)).collect();
    everywhere(backend, &said).await
}

async fn everywhere(backend: &RedisBackend, said: &[(LeaseRef, Said<'_>)]) -> Result<Vec<Settled>, Error> {
    let mut answers = vec![Settled::Stale; said.len()];
    let leases: Vec<_> = said.iter().map(|(lease, _)| *lease).collect();
    for (queue, positions) in backend.likely(&leases).await? {
        let open: Vec<_> = positions.into_iter().filter(|at| answers[*at] == Settled::Stale).collect();
        let these: Vec<_> = open.iter().map(|at| said[*at]).collect();
        let settled = chunks(backend, &queue, &these).await?;
        for (at, settled) in open.into_iter().zip(settled) {
            answers[at] = settled;
        }
    }
    backend.queues.settled(leases.into_iter());
    Ok(answers)
}

async fn chunks(
    backend: &RedisBackend,
    queue: &str,
    said: &[(LeaseRef, Said<'_>)],
) -> Result<Vec<Settled>, Error> {
    let mut answers = Vec::with_capacity(said.len());
    for chunk in said.chunks(CHUNK) {
        answers.extend(chunk_in(backend, queue, chunk).await?);
    }
    Ok(answers)
}

/// Returns the group, of four, of a plain job that is done; `None` for others.
fn plain((lease, said): &(LeaseRef, Said<'_>)) -> Option<usize> {
    // The last three bits of a token record what the claim saw: see claim.lua.
    let bits = usize::try_from(lease.token & 7).unwrap_or_default();
    (bits & 4 != 0 && matches!(said, Said::Outcome(Outcome::Done))).then_some(bits & 3)
}

async fn chunk_in(
    backend: &RedisBackend,
    queue: &str,
    said: &[(LeaseRef, Said<'_>)],
) -> Result<Vec<Settled>, Error> {
    let base = backend.base(queue);
    let mut call = SETTLE.call(&base);
    let mut order: Vec<usize> = Vec::with_capacity(said.len());
    for rank in 0..4 {
        let before = order.len();
        order.extend((0..said.len()).filter(|at| plain(&said[*at]) == Some(rank)));
        call.arg(order.len() - before);
    }
    for at in &order {
        call.arg(&member(said[*at].0)[..]);
    }
    let mut others: Vec<usize> = (0..said.len()).filter(|at| plain(&said[*at]).is_none()).collect();
    // Jobs that wait again after one call have the same due time, so they are in line by id. Jobs that are given back
    // are pushed to the front one by one, so among these the smallest id is pushed last.
    others.sort_by_key(|at| said[*at].0.id);
    if said.iter().any(|(_, said)| matches!(said, Said::NeverStarted)) {
        others.reverse();
    }
    for at in &others {
        let (lease, said) = &said[*at];
        let nothing = || Vec::new();
        let (what, first, second, third) = match said {
            Said::NeverStarted => ("b", nothing(), nothing(), nothing()),
            Said::Outcome(Outcome::Done | Outcome::Cancelled) => ("d", nothing(), nothing(), nothing()),
            Said::Outcome(Outcome::Snooze { delay }) => {
                ("s", micros(*delay).to_string().into_bytes(), nothing(), nothing())
            }
            Said::Outcome(Outcome::Retry { error, at_least }) => {
                // A fraction of the longest delay, which the script knows.
                let fraction = jitter(Duration::from_secs(1)).as_secs_f64();
                let at_least = micros(at_least.unwrap_or_default());
                ("r", clean(error), fraction.to_string().into_bytes(), at_least.to_string().into_bytes())
            }
            Said::Outcome(Outcome::Dead { reason, error }) => ("x", clean(error), clean(reason), nothing()),
        };
        call.arg(what).arg(&member(*lease)[..]).arg(first).arg(second).arg(third);
    }
    order.extend(others);
    let [letters, details, due] = reply::several(backend.run(&SETTLE, &base, &call).await?)?;
    backend.wake_if(reply::flag(&due)?);
    let mut details = reply::list(details)?.into_iter();
    let mut answers = HashMap::with_capacity(said.len());
    for (at, letter) in order.into_iter().zip(reply::bytes(letters)?) {
        let mut detail = || details.next().unwrap_or(Value::Nil);
        let settled = match letter {
            b'g' => Settled::Applied(Next::Gone),
            b'w' => {
                let delay = u64::try_from(reply::number(&detail())?).unwrap_or_default();
                Settled::Applied(Next::Waiting { delay: Duration::from_micros(delay) })
            }
            b'x' => Settled::Applied(Next::Dead { reason: reply::text(detail())? }),
            _ => Settled::Stale,
        };
        answers.insert(at, settled);
    }
    Ok((0..said.len()).map(|at| answers.remove(&at).unwrap_or(Settled::Stale)).collect())
}

/// Cleans a text so that every store takes it unchanged: no NUL, and a bounded length.
fn clean(text: &str) -> Vec<u8> {
    let mut end = text.len().min(LONGEST_ERROR);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].replace('\0', "\u{FFFD}").into_bytes()
}
