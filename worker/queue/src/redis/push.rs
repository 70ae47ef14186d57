//! Jobs into the line.

use std::collections::{BTreeMap, HashMap};

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
    mut items: Vec<Item<'_>>,
    limit: Option<u64>,
    answers: &mut [Pushed],
) -> Result<(), Error> {
    let base = backend.base(queue);
    let total = items.len();
    let mut limit = limit;
    // What is due at once is in line in the order of the ids.
    items.sort_by_key(|item| item.job.id);
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

/// Of jobs with one id, and of jobs with one unique key, the first in the caller's list goes first. By id they mostly are
/// in that order; those that are not wait for another round.
fn rounds(items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
    let mut first: HashMap<&str, usize> = HashMap::new();
    let keyed = items.iter().any(|item| item.job.unique.is_some());
    let doubled = items.windows(2).any(|pair| pair[0].job.id == pair[1].job.id);
    if !keyed && !doubled {
        return vec![items];
    }
    let (mut now, mut later, mut previous) = (Vec::new(), Vec::new(), None);
    for item in items {
        let key = item.job.unique.as_ref().map(|unique| unique.key.as_str());
        let behind = key.is_some_and(|key| first.get(key).is_some_and(|last| *last > item.at));
        if previous == Some(item.job.id) || behind {
            later.push(item);
            continue;
        }
        previous = Some(item.job.id);
        if let Some(key) = key {
            first.insert(key, item.at);
        }
        now.push(item);
    }
    // The one that stood later in the list was let by; it has to wait for the one that stood before it.
    if !later.is_empty() {
        let before: HashMap<_, _> = later
            .iter()
            .filter_map(|item| Some((item.job.unique.as_ref()?.key.as_str(), item.at)))
            .fold(HashMap::new(), |mut least: HashMap<&str, usize>, (key, at)| {
                least.entry(key).and_modify(|known| *known = at.min(*known)).or_insert(at);
                least
            });
        let waits = |item: &Item<'_>| {
            item.job
                .unique
                .as_ref()
                .is_some_and(|unique| before.get(&*unique.key).is_some_and(|at| *at < item.at))
        };
        let (back, stay): (Vec<_>, Vec<_>) = now.into_iter().partition(waits);
        now = stay;
        later.extend(back);
        later.sort_by_key(|item| item.at);
    }
    let mut rounds = vec![now];
    rounds.extend(later.into_iter().map(|item| vec![item]));
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
