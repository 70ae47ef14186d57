//! Jobs into the line.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::{
    RedisBackend,
    blob::{self, Encoded, micros},
    reply,
    script::PUSH,
};
use crate::{
    backend::{Error, Pushed},
    job::{NewJob, UniqueRule},
    meter,
};

/// Jobs per call of the script.
const CHUNK: usize = 250;

/// A job and where it stood in the caller's list.
struct Item<'a> {
    at: usize,
    job: &'a NewJob,
    encoded: Encoded,
}

impl Item<'_> {
    /// Due at once and without a key, so that it can go with others.
    fn is_plain(&self) -> bool {
        const KEYED: u16 = blob::flag::UNIQUE | blob::flag::ORDER;
        self.job.delay.is_zero() && self.encoded.flags & KEYED == 0
    }
}

pub(super) async fn push(
    backend: &RedisBackend,
    jobs: &[NewJob],
    limit: Option<u64>,
) -> Result<Vec<Pushed>, Error> {
    let mut queues: BTreeMap<&str, Vec<Item<'_>>> = BTreeMap::new();
    for (at, job) in jobs.iter().enumerate() {
        queues.entry(&job.queue).or_default().push(Item { at, job, encoded: blob::encode(job)? });
    }
    let mut answers = vec![Pushed::Known; jobs.len()];
    for (queue, items) in queues {
        backend.announce(queue).await?;
        push_to(backend, queue, items, limit, &mut answers).await?;
    }
    meter::pushed(jobs, &answers);
    backend.wake_if(answers.contains(&Pushed::New));
    Ok(answers)
}

async fn push_to(
    backend: &RedisBackend,
    queue: &str,
    items: Vec<Item<'_>>,
    limit: Option<u64>,
    answers: &mut [Pushed],
) -> Result<(), Error> {
    let base = backend.base(queue);
    let total = items.len();
    let mut limit = limit;
    for round in rounds(items) {
        for chunk in round.chunks(CHUNK) {
            let mut call = PUSH.call(&base);
            match limit {
                Some(limit) => call.arg(limit),
                None => call.arg(-1),
            };
            call.arg(total);
            for group in chunk.chunk_by(|one, next| {
                one.is_plain() && next.is_plain() && one.encoded.head == next.encoded.head
            }) {
                if group[0].is_plain() {
                    call.arg("p")
                        .arg(group.len())
                        .arg(group[0].job.priority.rank())
                        .arg(&group[0].encoded.head[..]);
                    for item in group {
                        call.arg(item.job.id.as_bytes()).arg(&item.encoded.rest);
                    }
                    continue;
                }
                for item in group {
                    let (rule, length) = rule(item.job);
                    call.arg("j").arg(item.job.id.as_bytes()).arg(micros(item.job.delay));
                    call.arg(&item.encoded.head[..]).arg(&item.encoded.rest).arg(rule).arg(length);
                }
            }
            let answer = backend.run(&PUSH, &base, &call).await?;
            if let redis::Value::Int(waiting) = answer {
                let (waiting, limit) = (waiting.unsigned_abs(), limit.unwrap_or_default());
                return Err(Error::Full { queue: queue.to_owned(), waiting, limit });
            }
            let [letters, winners] = reply::several(answer)?;
            let mut winners = reply::texts(winners)?.into_iter();
            for (item, letter) in chunk.iter().zip(reply::bytes(letters)?) {
                let mut winner = || {
                    let id = winners.next().and_then(|id| Uuid::from_slice(&id).ok());
                    id.ok_or_else(|| reply::strange("no winner"))
                };
                answers[item.at] = match letter {
                    b'n' => Pushed::New,
                    b'j' => Pushed::Joined { winner: winner()? },
                    b'm' => Pushed::Merged { winner: winner()? },
                    _ => Pushed::Known,
                };
            }
            // There was room for all of them, so the others go in whatever came between.
            limit = None;
        }
    }
    Ok(())
}

/// In the order in which they go to the script: by id, but of jobs with one unique key the first in the caller's list takes the
/// place, and the others come right after it, since they will not have one of their own. Of jobs with one id the first goes
/// first; the script does not see those of the same call, so the others have a round each.
fn rounds(mut items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
    let mut leaders: HashMap<&str, (usize, Uuid)> = HashMap::new();
    for item in &items {
        if let Some(unique) = &item.job.unique {
            let leader = leaders.entry(&unique.key).or_insert((item.at, item.job.id));
            *leader = (*leader).min((item.at, item.job.id));
        }
    }
    items.sort_by_cached_key(|item| {
        let leader = item.job.unique.as_ref().and_then(|unique| leaders.get(&*unique.key));
        (leader.map_or(item.job.id, |(_, id)| *id), item.at)
    });
    let mut seen = HashSet::with_capacity(items.len());
    let (first, again): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| seen.insert(item.job.id));
    let mut rounds = vec![first];
    rounds.extend(again.into_iter().map(|item| vec![item]));
    rounds
}

fn rule(job: &NewJob) -> (&'static str, u64) {
    match job.unique.as_ref().map(|unique| unique.rule) {
        None => ("", 0),
        Some(UniqueRule::WhileWaiting) => ("w", 0),
        Some(UniqueRule::UntilDone) => ("d", 0),
        Some(UniqueRule::For(length)) => ("f", micros(length)),
        Some(UniqueRule::Coalesce) => ("m", 0),
    }
}
