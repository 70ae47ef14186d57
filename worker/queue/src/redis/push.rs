//! Pushes jobs.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use uuid::Uuid;

use super::{
    RedisBackend,
    blob::{self, Encoded, micros},
    push_together, reply,
    script::PUSH,
};
use crate::{
    backend::{Error, Pushed},
    job::NewJob,
    meter,
};

/// Jobs per call of the script.
const CHUNK: usize = 250;
/// Pushes of at most this many jobs are sent together with concurrent ones.
const FEW: usize = 16;

/// A job in the form that the script takes.
#[derive(Debug)]
pub(super) struct Item {
    queue: String,
    id: Uuid,
    rank: i16,
    delay: Duration,
    unique: Option<String>,
    encoded: Encoded,
}

impl Item {
    fn new(job: &NewJob) -> Result<Self, Error> {
        let encoded = blob::encode(job)?;
        let (queue, unique) = (job.queue.clone(), job.unique.clone());
        Ok(Item { queue, id: job.id, rank: job.priority.rank(), delay: job.delay, unique, encoded })
    }

    /// True if it is due at once and has no unique or order key, so that it can be sent in a group.
    fn is_plain(&self) -> bool {
        const KEYED: u16 = blob::flag::UNIQUE | blob::flag::ORDER;
        self.delay.is_zero() && self.encoded.flags & KEYED == 0
    }
}

/// A job and its position in the caller's list.
struct Placed<'a> {
    at: usize,
    item: &'a Item,
}

pub(super) async fn push(
    backend: &RedisBackend,
    jobs: &[NewJob],
    limit: Option<u64>,
) -> Result<Vec<Pushed>, Error> {
    let items = jobs.iter().map(Item::new).collect::<Result<Vec<_>, _>>()?;
    let answers = match limit {
        Some(_) if jobs.len() <= FEW => push_together::push(backend, items).await?,
        _ => push_items(backend, &items, limit).await?,
    };
    meter::pushed(jobs, &answers);
    backend.wake_if(answers.contains(&Pushed::New));
    Ok(answers)
}

pub(super) async fn push_items(
    backend: &RedisBackend,
    items: impl IntoIterator<Item = &Item>,
    limit: Option<u64>,
) -> Result<Vec<Pushed>, Error> {
    let mut queues: BTreeMap<&str, Vec<Placed<'_>>> = BTreeMap::new();
    let mut count = 0;
    for (at, item) in items.into_iter().enumerate() {
        queues.entry(&item.queue).or_default().push(Placed { at, item });
        count = at + 1;
    }
    let mut answers = vec![Pushed::Known; count];
    for (queue, placed) in queues {
        backend.announce(queue).await?;
        push_to(backend, queue, placed, limit, &mut answers).await?;
    }
    Ok(answers)
}

async fn push_to(
    backend: &RedisBackend,
    queue: &str,
    items: Vec<Placed<'_>>,
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
            for group in chunk.chunk_by(|Placed { item: one, .. }, Placed { item: next, .. }| {
                one.is_plain() && next.is_plain() && one.encoded.head == next.encoded.head
            }) {
                // A group is never empty.
                let first = group[0].item;
                if first.is_plain() {
                    call.arg("p").arg(group.len()).arg(first.rank).arg(&first.encoded.head[..]);
                    for Placed { item, .. } in group {
                        call.arg(item.id.as_bytes()).arg(&item.encoded.rest);
                    }
                    continue;
                }
                for Placed { item, .. } in group {
                    call.arg("j").arg(item.id.as_bytes()).arg(micros(item.delay));
                    call.arg(&item.encoded.head[..]).arg(&item.encoded.rest);
                }
            }
            let answer = backend.run(&PUSH, &base, &call).await?;
            if let redis::Value::Int(waiting) = answer {
                let (waiting, limit) = (waiting.unsigned_abs(), limit.unwrap_or_default());
                return Err(Error::Full { queue: queue.to_owned(), waiting, limit });
            }
            let [letters, winners] = reply::several(answer)?;
            let mut winners = reply::texts(winners)?.into_iter();
            for (placed, letter) in chunk.iter().zip(reply::bytes(letters)?) {
                let mut winner = || {
                    let id = winners.next().and_then(|id| Uuid::from_slice(&id).ok());
                    id.ok_or_else(|| reply::strange("no winner"))
                };
                answers[placed.at] = match letter {
                    b'n' => Pushed::New,
                    b'j' => Pushed::Joined { winner: winner()? },
                    _ => Pushed::Known,
                };
            }
            // All of the jobs had room, so the remaining calls ignore the limit, whatever was pushed in between.
            limit = None;
        }
    }
    Ok(())
}

/// Orders the jobs for the script: by id; but jobs with the same unique key directly follow the first of them in the
/// caller's list, which takes the key, since the others join it. Jobs with the same id keep the caller's order, and all
/// but the first get a round of their own, since the script does not detect duplicates within one call.
fn rounds(mut items: Vec<Placed<'_>>) -> Vec<Vec<Placed<'_>>> {
    let mut leaders: HashMap<&str, (usize, Uuid)> = HashMap::new();
    for Placed { at, item } in &items {
        if let Some(key) = &item.unique {
            let leader = leaders.entry(key).or_insert((*at, item.id));
            *leader = (*leader).min((*at, item.id));
        }
    }
    items.sort_by_cached_key(|Placed { at, item }| {
        let leader = item.unique.as_ref().and_then(|key| leaders.get(&**key));
        (leader.map_or(item.id, |(_, id)| *id), *at)
    });
    let mut seen = HashSet::with_capacity(items.len());
    let (first, again): (Vec<_>, Vec<_>) = items.into_iter().partition(|placed| seen.insert(placed.item.id));
    let mut rounds = vec![first];
    rounds.extend(again.into_iter().map(|placed| vec![placed]));
    rounds
}
