//! Reads jobs and counts.

use std::time::Duration;

use redis::Value;
use uuid::Uuid;

use super::{
    RedisBackend, blob,
    keys::place,
    reply,
    script::{COUNTS, KNOWN, LOOK},
};
use crate::{
    backend::{Count, Error, JobQuery, Page},
    job::{Job, Priority},
    retry::RetryPolicy,
    state::State,
};

/// Ids per call of the script.
const CHUNK: usize = 500;
/// The most jobs returned by one call of the script.
const SHOWN: usize = 100;
/// The most jobs that one page examines before it ends with a cursor.
const LOOKED_AT: usize = 2_000;

pub(super) async fn known(backend: &RedisBackend, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
    let mut known = vec![false; ids.len()];
    for queue in backend.all_queues().await? {
        let base = backend.base(&queue);
        let open: Vec<_> = (0..ids.len()).filter(|at| !known[*at]).collect();
        for chunk in open.chunks(CHUNK) {
            let mut call = KNOWN.call(&base);
            for at in chunk {
                call.arg(ids[*at].as_bytes());
            }
            let letters = reply::bytes(backend.run(&KNOWN, &base, &call).await?)?;
            for (at, letter) in chunk.iter().zip(letters) {
                known[*at] = letter == b'1';
            }
        }
    }
    Ok(known)
}

pub(super) async fn get(backend: &RedisBackend, id: Uuid) -> Result<Option<Job>, Error> {
    for queue in backend.all_queues().await? {
        let base = backend.base(&queue);
        let mut call = LOOK.call(&base);
        call.arg("ids").arg(id.as_bytes());
        let [_, jobs] = reply::several(backend.run(&LOOK, &base, &call).await?)?;
        if let Some(shown) = reply::list(jobs)?.pop() {
            return job(&queue, shown).map(Some);
        }
    }
    Ok(None)
}

/// Converts a job as returned by look.lua. A job that cannot be read is returned with its raw text.
fn job(queue: &str, shown: Value) -> Result<Job, Error> {
    let [id, raw, state, score, token, worker, error, reason, progress, stop, history] =
        reply::several(shown)?;
    let id = Uuid::from_slice(&reply::bytes(id)?).map_err(|_| reply::strange("an id"))?;
    let raw = reply::bytes(raw)?;
    let state = match reply::bytes(state)?.as_slice() {
        b"r" => State::Running,
        b"x" => State::Dead,
        _ => State::Waiting,
    };
    let score = blob::time(reply::number(&score)?);
    let token: Option<[u8; 8]> = reply::bytes(token)?.try_into().ok();
    let history = reply::texts(history)?.iter().filter_map(|past| blob::past_attempt(past)).collect();
    let progress = reply::bytes(progress)?;
    let mut job = Job {
        id,
        queue: queue.to_owned(),
        kind: String::new(),
        payload_version: 0,
        payload: serde_json::Value::String(String::from_utf8_lossy(&raw).into_owned()),
        priority: Priority::Normal,
        state,
        run_at: Default::default(),
        attempt: 0,
        max_attempts: 1,
        retry: RetryPolicy::default(),
        token: token.map(i64::from_be_bytes).unwrap_or_default(),
        lease_until: (state == State::Running).then_some(score),
        worker_id: reply::some_text(worker)?,
        unique_key: None,
        concurrency_key: None,
        concurrency_limit: 1,
        order_key: None,
        cancel_requested: reply::flag(&stop)?,
        progress: serde_json::from_slice(&progress).ok(),
        history,
        last_error: reply::some_text(error)?,
        dead_reason: reply::some_text(reason)?,
        enqueued_at: Default::default(),
        finished_at: (state == State::Dead).then_some(score),
    };
    if let Some(stored) = blob::decode(&raw) {
        job.kind = stored.kind.to_owned();
        job.payload_version = stored.payload_version;
        job.payload = serde_json::from_slice(stored.payload)
            .unwrap_or_else(|_| String::from_utf8_lossy(stored.payload).into_owned().into());
        job.priority = stored.priority;
        job.run_at = stored.run_at;
        job.attempt = stored.attempts_used.saturating_add(u32::from(state == State::Running));
        job.max_attempts = stored.max_attempts;
        job.retry = stored.retry;
        job.unique_key = stored.unique_key.map(str::to_owned);
        job.concurrency_key = stored.concurrency.map(|(key, _)| key.to_owned());
        job.concurrency_limit = stored.concurrency.map_or(1, |(_, limit)| limit);
        job.order_key = stored.order_key.map(str::to_owned);
        job.enqueued_at = stored.enqueued_at;
    }
    Ok(job)
}

/// Returns the keys that a list reads, in order.
fn places(query: &JobQuery) -> Vec<String> {
    let ranks = Priority::ALL.into_iter().filter(|rank| query.priority.is_none_or(|asked| asked == *rank));
    let names: &[&str] = match query.state {
        State::Waiting => &[place::LINE, place::PARKED, place::DELAYED],
        State::Running => &[place::RUNNING],
        State::Dead => return vec![place::DEAD.to_owned()],
    };
    ranks.flat_map(|rank| names.iter().map(move |name| format!("{name}{}", rank.rank()))).collect()
}

/// The key of the last job seen, with that job's member and score.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cursor {
    place: usize,
    last: Vec<u8>,
    score: String,
}

impl Cursor {
    fn write(&self) -> String {
        let last: String = self.last.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}.{}.{last}", self.place, self.score)
    }

    fn read(text: &str, places: usize) -> Option<Self> {
        let mut parts = text.split('.');
        let place = parts.next()?.parse().ok().filter(|place| *place < places)?;
        let score = parts.next()?.to_owned();
        if !score.is_empty() {
            score.parse::<u64>().ok()?;
        }
        let last = parts.next()?.as_bytes();
        if parts.next().is_some() || ![0, 32, 48].contains(&last.len()) {
            return None;
        }
        let pairs = last.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        Some(Self { place, score, last: pairs.collect::<Option<_>>()? })
    }
}

pub(super) async fn list(backend: &RedisBackend, query: &JobQuery) -> Result<Page, Error> {
    let (base, places) = (backend.base(&query.queue), places(query));
    let mut cursor = match &query.after {
        None => Cursor::default(),
        Some(text) => Cursor::read(text, places.len()).ok_or_else(|| {
            Error::Refused(format!("{text:?} is not where a page of this list ended").into())
        })?,
    };
    let (mut jobs, mut looked) = (Vec::new(), 0);
    while jobs.len() < query.limit && looked < LOOKED_AT {
        let Some(place) = places.get(cursor.place) else { return Ok(Page { jobs, next: None }) };
        // Read no more than are still wanted, so that the page ends where the next one begins.
        let count = (query.limit - jobs.len()).min(SHOWN);
        let mut call = LOOK.call(&base);
        call.arg(place).arg(&cursor.last).arg(&cursor.score).arg(count);
        let [ended, shown] = reply::several(backend.run(&LOOK, &base, &call).await?)?;
        looked += count;
        for shown in reply::list(shown)? {
            let job = job(&query.queue, shown)?;
            if matches(query, &job) {
                jobs.push(job);
            }
        }
        cursor = match <[Value; 2]>::try_from(reply::list(ended)?) {
            Ok([last, score]) => {
                Cursor { place: cursor.place, last: reply::bytes(last)?, score: reply::text(score)? }
            }
            Err(_) => Cursor { place: cursor.place + 1, ..Cursor::default() },
        };
    }
    let next = (cursor.place < places.len()).then(|| cursor.write());
    Ok(Page { jobs, next })
}

fn matches(query: &JobQuery, job: &Job) -> bool {
    let has_text = |text: &String| {
        job.payload.to_string().contains(text)
            || job.last_error.as_ref().is_some_and(|error| error.contains(text))
            || job.dead_reason.as_ref().is_some_and(|reason| reason.contains(text))
    };
    let keys = [&job.unique_key, &job.concurrency_key, &job.order_key];
    let age = || (chrono::Utc::now() - job.enqueued_at).to_std().unwrap_or_default();
    query.kind.as_ref().is_none_or(|kind| *kind == job.kind)
        && query.priority.is_none_or(|priority| priority == job.priority)
        && query.key.as_ref().is_none_or(|key| keys.iter().any(|own| own.as_ref() == Some(key)))
        && query.text.as_ref().is_none_or(has_text)
        && query.older_than.is_none_or(|bound| age() >= bound)
}

pub(super) async fn counts(backend: &RedisBackend, queue: &str) -> Result<Vec<Count>, Error> {
    let base = backend.base(queue);
    let answer = backend.run(&COUNTS, &base, &COUNTS.call(&base)).await?;
    let mut counts = Vec::new();
    for (priority, numbers) in Priority::ALL.into_iter().zip(reply::list(answer)?) {
        let numbers: [Value; 9] = reply::several(numbers)?;
        let number =
            |at: usize| reply::number(&numbers[at]).map(|number| u64::try_from(number).unwrap_or_default());
        let oldest = |at| number(at).map(Duration::from_micros);
        let waiting = number(0)? + number(1)? + number(2)?;
        let states = [
            (State::Waiting, waiting, number(3)?, oldest(6)?),
            (State::Running, number(4)?, 0, oldest(7)?),
            (State::Dead, number(5)?, 0, oldest(8)?),
        ];
        let there = states.into_iter().filter(|(_, jobs, ..)| *jobs > 0);
        counts.extend(there.map(|(state, jobs, delayed, oldest)| Count {
            state,
            priority,
            jobs,
            delayed,
            oldest,
        }));
    }
    counts.sort_by_key(|count| (count.state.as_str(), count.priority));
    Ok(counts)
}
