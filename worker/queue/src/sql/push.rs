//! Jobs into the table.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{
    notify::Origin,
    row,
    statement::{Binds, micros},
};
use crate::{
    backend::{Error, Pushed},
    job::NewJob,
};

/// Rows per statement: sixteen values each stay far below what either database takes.
const CHUNK: usize = 200;
/// How often a push looks again when the job in its way leaves the line between two statements.
const TRIES: usize = 5;

pub(super) async fn push<C: ConnectionTrait>(
    db: &C,
    jobs: &[NewJob],
    origin: Origin,
) -> Result<Vec<Pushed>, Error> {
    let mut pushed = Vec::with_capacity(jobs.len());
    for chunk in jobs.chunks(CHUNK) {
        pushed.extend(push_chunk(db, chunk, origin).await?);
    }
    Ok(pushed)
}

async fn push_chunk<C: ConnectionTrait>(
    db: &C,
    jobs: &[NewJob],
    origin: Origin,
) -> Result<Vec<Pushed>, Error> {
    let mut answers: HashMap<usize, Pushed> = HashMap::new();
    for _ in 0..TRIES {
        let open: Vec<_> = jobs.iter().enumerate().filter(|(at, _)| !answers.contains_key(at)).collect();
        if open.is_empty() {
            break;
        }
        let mut inserted = insert(db, open.iter().map(|(_, job)| *job), origin).await?;
        let mut refused = Vec::new();
        for (at, job) in open {
            // An id that stands twice in one call is new once and known after that.
            match inserted.iter().position(|id| *id == job.id) {
                Some(found) => {
                    inserted.swap_remove(found);
                    answers.insert(at, Pushed::New);
                }
                None => refused.push((at, job)),
            }
        }
        if !refused.is_empty() {
            let ways = in_the_way(db, refused.iter().map(|(_, job)| *job)).await?;
            for (at, job) in refused {
                if let Some(answer) = ways.answer(job) {
                    answers.insert(at, answer);
                }
            }
        }
    }
    let answer = |(at, job): (usize, &NewJob)| {
        answers
            .get(&at)
            .copied()
            .ok_or_else(|| Error::Contended(format!("job {} and its unique key", job.id)))
    };
    jobs.iter().enumerate().map(answer).collect()
}

/// Inserts what nothing stands in the way of, and gives the ids.
async fn insert<'a, C: ConnectionTrait>(
    db: &C,
    jobs: impl Iterator<Item = &'a NewJob>,
    origin: Origin,
) -> Result<Vec<Uuid>, DbErr> {
    let mut binds = Binds::new(db);
    let now = binds.now();
    let mut rows = Vec::new();
    for job in jobs {
        let (id, queue, kind) = (binds.bind(job.id), binds.bind(&*job.queue), binds.bind(&*job.kind));
        let (version, payload) = (binds.bind(job.payload_version), binds.bind(job.payload.clone()));
        let (priority, delay) = (binds.bind(job.priority.rank()), binds.bind(micros(job.delay)));
        let max_attempts = binds.bind(i32::try_from(job.max_attempts.max(1)).unwrap_or(i32::MAX));
        let (base, cap) = (binds.bind(millis(job.retry.base)), binds.bind(millis(job.retry.cap)));
        let unique = binds.bind(job.unique.as_ref().map(|unique| unique.key.clone()));
        let (concurrency, order) = (
            binds.bind(job.concurrency.as_ref().map(|one| one.key.clone())),
            binds.bind(job.order_key.clone()),
        );
        rows.push(format!(
            "({id}, {queue}, {kind}, {version}, {payload}, {priority}, 'waiting', {now} + {delay}, 0, {max_attempts}, \
             {base}, {cap}, 0, {unique}, {concurrency}, {order}, FALSE, {now})"
        ));
    }
    let text = format!(
        "INSERT INTO jobs (id, queue, kind, payload_version, payload, priority, state, run_at, attempt, max_attempts, \
         retry_base_ms, retry_cap_ms, claim_token, unique_key, concurrency_key, order_key, cancel_requested, \
         enqueued_at) VALUES {} ON CONFLICT DO NOTHING RETURNING id{}",
        rows.join(", "),
        origin.due(binds.backend),
    );
    binds.all(db, text).await?.iter().map(row::id).collect()
}

fn millis(length: std::time::Duration) -> i64 {
    micros(length) / 1000
}

/// What stands in the way of some jobs.
#[derive(Debug, Default)]
struct InTheWay {
    ids: Vec<Uuid>,
    winners: HashMap<(String, String), Uuid>,
}

impl InTheWay {
    /// `None` when nothing does any more: a claim or a settlement came between.
    fn answer(&self, job: &NewJob) -> Option<Pushed> {
        if self.ids.contains(&job.id) {
            return Some(Pushed::Known);
        }
        let key = (job.queue.clone(), job.unique.as_ref()?.key.clone());
        self.winners.get(&key).map(|winner| Pushed::Joined { winner: *winner })
    }
}

async fn in_the_way<'a, C: ConnectionTrait>(
    db: &C,
    jobs: impl Iterator<Item = &'a NewJob> + Clone,
) -> Result<InTheWay, DbErr> {
    let mut binds = Binds::new(db);
    let ids = binds.list(jobs.clone().map(|job| job.id));
    let mut keys = Vec::new();
    for job in jobs {
        if let Some(unique) = &job.unique {
            keys.push(format!("({}, {})", binds.bind(&*job.queue), binds.bind(&*unique.key)));
        }
    }
    let mut text = format!("SELECT id, queue, unique_key, FALSE AS waits FROM jobs WHERE id IN ({ids})");
    if !keys.is_empty() {
        text += &format!(
            " UNION ALL SELECT id, queue, unique_key, TRUE AS waits FROM jobs \
             WHERE state = 'waiting' AND unique_key IS NOT NULL AND (queue, unique_key) IN (VALUES {})",
            keys.join(", ")
        );
    }
    let mut found = InTheWay::default();
    for row in binds.all(db, text).await? {
        let (id, waits): (Uuid, bool) = (row::id(&row)?, row.try_get("", "waits")?);
        if waits {
            found.winners.insert((row.try_get("", "queue")?, row.try_get("", "unique_key")?), id);
        } else {
            found.ids.push(id);
        }
    }
    Ok(found)
}
