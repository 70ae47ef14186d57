//! Pushes jobs.
//!
//! The statement that inserts also refuses conflicting jobs, through the unique indexes; only for refused jobs the
//! conflicting job is looked up.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr};
use serde_json::{Value as Json, json};
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use super::{
    notify::Origin,
    row,
    statement::{JobBinds, micros},
};
use crate::{
    backend::{Error, Pushed},
    job::NewJob,
};

/// Rows per statement.
const CHUNK: usize = 500;
/// How often a push tries again if the conflicting job leaves the line between two statements.
const TRIES: usize = 8;

pub(super) async fn push<C: ConnectionTrait>(
    db: &C,
    jobs: &[NewJob],
    origin: &Origin,
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
    origin: &Origin,
) -> Result<Vec<Pushed>, Error> {
    let mut answers: Vec<Option<Pushed>> = vec![None; jobs.len()];
    for _ in 0..TRIES {
        let open: Vec<usize> = (0..jobs.len()).filter(|at| answers[*at].is_none()).collect();
        if open.is_empty() {
            break;
        }
        let asked: Vec<&NewJob> = open.iter().map(|at| &jobs[*at]).collect();
        let mut inserted: HashMap<Uuid, ()> =
            insert(db, &asked, origin).await?.into_iter().map(|id| (id, ())).collect();
        let mut refused = Vec::new();
        for at in open {
            // An id that occurs twice in one call is new once, then known.
            match inserted.remove(&jobs[at].id) {
                Some(()) => answers[at] = Some(Pushed::New),
                None => refused.push(at),
            }
        }
        if refused.is_empty() {
            continue;
        }
        let ways = in_the_way(db, refused.iter().map(|at| &jobs[*at])).await?;
        for at in refused {
            answers[at] = ways.answer(&jobs[at]);
        }
    }
    let answer = |(job, answer): (&NewJob, Option<Pushed>)| {
        answer.ok_or_else(|| Error::Contended(format!("job {} and its unique key", job.id)))
    };
    jobs.iter().zip(answers).map(answer).collect()
}

/// Inserts the jobs without a conflict, and returns their ids.
async fn insert<C: ConnectionTrait>(db: &C, jobs: &[&NewJob], origin: &Origin) -> Result<Vec<Uuid>, DbErr> {
    let mut binds = Binds::new(db);
    let now = binds.now();
    let rows = binds.rows(
        jobs.iter().map(|job| as_row(job)).collect(),
        &[
            ("id", Kind::Id),
            ("queue", Kind::Text),
            ("kind", Kind::Text),
            ("version", Kind::Number),
            ("payload", Kind::Text),
            ("priority", Kind::Number),
            ("delay", Kind::Number),
            ("used", Kind::Number),
            ("most", Kind::Number),
            ("base", Kind::Number),
            ("cap", Kind::Number),
            ("ukey", Kind::Text),
            ("ckey", Kind::Text),
            ("climit", Kind::Number),
            ("okey", Kind::Text),
        ],
    );
    let text = format!(
        "INSERT INTO jobs (id, queue, kind, payload_version, payload, priority, state, run_at, attempt, max_attempts, \
         retry_base_ms, retry_cap_ms, claim_token, unique_key, concurrency_key, concurrency_limit, order_key, \
         cancel_requested, enqueued_at) \
         SELECT new.id, new.queue, new.kind, new.version, {payload}, new.priority, 'waiting', {now} + new.delay, \
         new.used, new.most, new.base, new.cap, 0, new.ukey, new.ckey, new.climit, new.okey, FALSE, {now} \
         FROM {rows} AS new WHERE TRUE ON CONFLICT DO NOTHING RETURNING id{told}",
        payload = binds.json("new.payload"),
        told = origin.due_soon(binds.backend),
    );
    binds.all(db, text).await?.iter().map(row::id).collect()
}

fn as_row(job: &NewJob) -> Json {
    let concurrency = job.concurrency.as_ref();
    json!({
        "id": job.id.simple().to_string(),
        "queue": job.queue,
        "kind": job.kind,
        "version": job.payload_version,
        "payload": job.payload.to_string(),
        "priority": job.priority.rank(),
        "delay": micros(job.delay),
        "used": whole(job.attempts_used),
        "most": whole(job.max_attempts.max(1)),
        "base": millis(job.retry.base),
        "cap": millis(job.retry.cap),
        "ukey": job.unique,
        "ckey": concurrency.map(|one| &one.key),
        "climit": concurrency.map_or(1, |one| whole(one.limit.max(1))),
        "okey": job.order_key,
    })
}

fn whole(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn millis(length: std::time::Duration) -> i64 {
    micros(length) / 1000
}

/// The jobs that conflict with pushed ones.
#[derive(Debug, Default)]
struct InTheWay {
    ids: Vec<Uuid>,
    /// By queue and unique key.
    waiting: HashMap<(String, String), Uuid>,
}

impl InTheWay {
    /// Returns `None` if there is no conflict any more, because of a claim or a settlement in between.
    fn answer(&self, job: &NewJob) -> Option<Pushed> {
        if self.ids.contains(&job.id) {
            return Some(Pushed::Known);
        }
        let key = (job.queue.clone(), job.unique.clone()?);
        self.waiting.get(&key).map(|winner| Pushed::Joined { winner: *winner })
    }
}

async fn in_the_way<'a, C: ConnectionTrait>(
    db: &C,
    jobs: impl Iterator<Item = &'a NewJob> + Clone,
) -> Result<InTheWay, DbErr> {
    let mut binds = Binds::new(db);
    let ids = binds.ids(jobs.clone().map(|job| job.id));
    let key = |job: &NewJob| job.unique.as_ref().map(|key| json!({ "queue": job.queue, "ukey": key }));
    let keys = binds.rows(jobs.filter_map(key).collect(), &[("queue", Kind::Text), ("ukey", Kind::Text)]);
    let text = format!(
        "SELECT jobs.id AS id, NULL AS queue, NULL AS unique_key FROM {ids} AS pushed \
         JOIN jobs ON jobs.id = pushed.job UNION ALL \
         SELECT twin.id AS id, twin.queue AS queue, twin.unique_key AS unique_key \
         FROM {keys} AS pushed JOIN jobs twin ON twin.queue = pushed.queue AND twin.unique_key = pushed.ukey \
         WHERE twin.state = 'waiting' AND twin.unique_key IS NOT NULL"
    );
    let mut found = InTheWay::default();
    for row in binds.all(db, text).await? {
        let (id, queue): (Uuid, Option<String>) = (row::id(&row)?, row.try_get("", "queue")?);
        match queue {
            Some(queue) => drop(found.waiting.insert((queue, row.try_get("", "unique_key")?), id)),
            None => found.ids.push(id),
        }
    }
    Ok(found)
}
