//! Pushes jobs.
//!
//! The statement that inserts also refuses conflicting jobs, through the unique indexes or a check of running twins and
//! windows; only for refused jobs the conflicting job is looked up. A job that merges goes into the payload of that job
//! (see `merge`); one that stands in for others for a time takes its window in the same transaction.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, TransactionSession, TransactionTrait};
use serde_json::{Value as Json, json};
use syncline_sql::{Binds, Kind};
use uuid::Uuid;

use super::{
    merge::{self, Meeting},
    notify::Origin,
    row,
    statement::{JobBinds, micros},
};
use crate::{
    backend::{Error, Pushed},
    job::{NewJob, UniqueRule},
};

/// Rows per statement.
const CHUNK: usize = 500;
/// How often a push tries again if the conflicting job leaves the line between two statements.
const TRIES: usize = 8;

pub(super) async fn push<C: ConnectionTrait + TransactionTrait>(
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

async fn push_chunk<C: ConnectionTrait + TransactionTrait>(
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
        let mut meetings = Vec::new();
        for at in refused {
            match ways.answer(&jobs[at]) {
                Some(Pushed::Merged { winner }) => meetings.push(Meeting { at, job: &jobs[at], winner }),
                answer => answers[at] = answer,
            }
        }
        for (at, winner) in merge::merge(db, &meetings).await? {
            answers[at] = Some(Pushed::Merged { winner });
        }
    }
    let answer = |(job, answer): (&NewJob, Option<Pushed>)| {
        answer.ok_or_else(|| Error::Contended(format!("job {} and its unique key", job.id)))
    };
    jobs.iter().zip(answers).map(answer).collect()
}

/// Inserts the jobs without a conflict, and returns their ids.
async fn insert<C: ConnectionTrait + TransactionTrait>(
    db: &C,
    jobs: &[&NewJob],
    origin: &Origin,
) -> Result<Vec<Uuid>, DbErr> {
    if !jobs.iter().any(|job| window(job).is_some()) {
        return insert_rows(db, jobs, origin).await;
    }
    let transaction = db.begin().await?;
    let mut inserted = insert_rows(&transaction, jobs, origin).await?;
    let timed: Vec<&NewJob> =
        jobs.iter().copied().filter(|job| window(job).is_some() && inserted.contains(&job.id)).collect();
    let taken = take_windows(&transaction, &timed).await?;
    let late: Vec<Uuid> = timed.iter().map(|job| job.id).filter(|id| !taken.contains(id)).collect();
    if !late.is_empty() {
        // Another push took the window between the check and the write.
        let mut binds = Binds::new(&transaction);
        let ids = binds.ids(late.iter().copied());
        binds
            .run(&transaction, format!("DELETE FROM jobs WHERE id IN (SELECT job FROM {ids} AS late)"))
            .await?;
        inserted.retain(|id| !late.contains(id));
    }
    transaction.commit().await?;
    Ok(inserted)
}

async fn insert_rows<C: ConnectionTrait>(
    db: &C,
    jobs: &[&NewJob],
    origin: &Origin,
) -> Result<Vec<Uuid>, DbErr> {
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
            ("rule", Kind::Text),
            ("ckey", Kind::Text),
            ("climit", Kind::Number),
            ("okey", Kind::Text),
        ],
    );
    let mut free = String::from("TRUE");
    if jobs.iter().any(|job| rule(job) == Some(UniqueRule::UntilDone)) {
        free += " AND (new.rule <> 'until_done' OR NOT EXISTS (SELECT 1 FROM jobs twin \
                 WHERE twin.queue = new.queue AND twin.unique_key = new.ukey AND twin.state = 'running'))";
    }
    if jobs.iter().any(|job| window(job).is_some()) {
        free += &format!(
            " AND (new.rule <> 'for' OR NOT EXISTS (SELECT 1 FROM job_unique_windows open \
             WHERE open.queue = new.queue AND open.unique_key = new.ukey AND open.until > {now}))"
        );
    }
    let text = format!(
        "INSERT INTO jobs (id, queue, kind, payload_version, payload, priority, state, run_at, attempt, max_attempts, \
         retry_base_ms, retry_cap_ms, claim_token, unique_key, unique_rule, concurrency_key, concurrency_limit, \
         order_key, cancel_requested, enqueued_at, merges) \
         SELECT new.id, new.queue, new.kind, new.version, {payload}, new.priority, 'waiting', {now} + new.delay, \
         new.used, new.most, new.base, new.cap, 0, new.ukey, new.rule, new.ckey, new.climit, new.okey, FALSE, {now}, 0 \
         FROM {rows} AS new WHERE {free} ON CONFLICT DO NOTHING RETURNING id{told}",
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
        "ukey": job.unique.as_ref().map(|unique| &unique.key),
        "rule": rule_name(rule(job).unwrap_or(UniqueRule::WhileWaiting)),
        "ckey": concurrency.map(|one| &one.key),
        "climit": concurrency.map_or(1, |one| whole(one.limit.max(1))),
        "okey": job.order_key,
    })
}

fn rule(job: &NewJob) -> Option<UniqueRule> {
    job.unique.as_ref().map(|unique| unique.rule)
}

/// Returns for how long a job stands in for others even after it has left.
fn window(job: &NewJob) -> Option<std::time::Duration> {
    match rule(job) {
        Some(UniqueRule::For(length)) => Some(length),
        _ => None,
    }
}

fn rule_name(rule: UniqueRule) -> &'static str {
    match rule {
        UniqueRule::WhileWaiting => "while_waiting",
        UniqueRule::UntilDone => "until_done",
        UniqueRule::For(_) => "for",
        UniqueRule::Coalesce => "coalesce",
    }
}

fn whole(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn millis(length: std::time::Duration) -> i64 {
    micros(length) / 1000
}

/// Takes the open windows for jobs that were just inserted, and returns the ids of those jobs.
async fn take_windows<C: ConnectionTrait>(db: &C, jobs: &[&NewJob]) -> Result<Vec<Uuid>, DbErr> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::new(db);
    let now = binds.now();
    let row = |job: &&NewJob| {
        let key = job.unique.as_ref().map(|unique| &unique.key);
        let length = window(job).map(micros);
        json!({ "id": job.id.simple().to_string(), "queue": job.queue, "ukey": key, "length": length })
    };
    let columns = [("id", Kind::Id), ("queue", Kind::Text), ("ukey", Kind::Text), ("length", Kind::Number)];
    let rows = binds.rows(jobs.iter().map(row).collect(), &columns);
    let text = format!(
        "INSERT INTO job_unique_windows (queue, unique_key, job_id, until) \
         SELECT new.queue, new.ukey, new.id, {now} + new.length FROM {rows} AS new WHERE TRUE \
         ON CONFLICT (queue, unique_key) DO UPDATE SET job_id = excluded.job_id, until = excluded.until \
         WHERE job_unique_windows.until <= {now} RETURNING job_id"
    );
    binds.all(db, text).await?.iter().map(|row| row.try_get("", "job_id")).collect()
}

/// The jobs that conflict with pushed ones.
#[derive(Debug, Default)]
struct InTheWay {
    ids: Vec<Uuid>,
    waiting: HashMap<(String, String), Uuid>,
    running: HashMap<(String, String), Uuid>,
    windows: HashMap<(String, String), Uuid>,
}

impl InTheWay {
    /// Returns `None` if there is no conflict any more, because of a claim or a settlement in between. `Merged`: the
    /// payload still has to be merged.
    fn answer(&self, job: &NewJob) -> Option<Pushed> {
        if self.ids.contains(&job.id) {
            return Some(Pushed::Known);
        }
        let unique = job.unique.as_ref()?;
        let key = (job.queue.clone(), unique.key.clone());
        let winner = self.waiting.get(&key).copied();
        let winner = match unique.rule {
            UniqueRule::Coalesce => return winner.map(|winner| Pushed::Merged { winner }),
            UniqueRule::WhileWaiting => winner,
            UniqueRule::UntilDone => winner.or_else(|| self.running.get(&key).copied()),
            UniqueRule::For(_) => winner.or_else(|| self.windows.get(&key).copied()),
        }?;
        // A window outlives its job: the same job pushed again is known.
        Some(if winner == job.id { Pushed::Known } else { Pushed::Joined { winner } })
    }
}

async fn in_the_way<'a, C: ConnectionTrait>(
    db: &C,
    jobs: impl Iterator<Item = &'a NewJob> + Clone,
) -> Result<InTheWay, DbErr> {
    let mut binds = Binds::new(db);
    let now = binds.now();
    let ids = binds.ids(jobs.clone().map(|job| job.id));
    let key =
        |job: &NewJob| job.unique.as_ref().map(|unique| json!({ "queue": job.queue, "ukey": unique.key }));
    let keys = binds.rows(jobs.filter_map(key).collect(), &[("queue", Kind::Text), ("ukey", Kind::Text)]);
    let twins = |state: &str| {
        format!(
            "SELECT twin.id AS id, twin.queue AS queue, twin.unique_key AS unique_key, '{state}' AS way \
             FROM {keys} AS pushed JOIN jobs twin ON twin.queue = pushed.queue AND twin.unique_key = pushed.ukey \
             WHERE twin.state = '{state}' AND twin.unique_key IS NOT NULL"
        )
    };
    let text = format!(
        "SELECT jobs.id AS id, '' AS queue, '' AS unique_key, 'id' AS way FROM {ids} AS pushed \
         JOIN jobs ON jobs.id = pushed.job UNION ALL {} UNION ALL {} UNION ALL \
         SELECT open.job_id AS id, open.queue AS queue, open.unique_key AS unique_key, 'window' AS way \
         FROM {keys} AS pushed JOIN job_unique_windows open ON open.queue = pushed.queue \
         AND open.unique_key = pushed.ukey WHERE open.until > {now}",
        twins("waiting"),
        twins("running"),
    );
    let mut found = InTheWay::default();
    for row in binds.all(db, text).await? {
        let (id, way): (Uuid, String) = (row::id(&row)?, row.try_get("", "way")?);
        let ways = match way.as_str() {
            "waiting" => &mut found.waiting,
            "running" => &mut found.running,
            "window" => &mut found.windows,
            _ => {
                found.ids.push(id);
                continue;
            }
        };
        ways.insert((row.try_get("", "queue")?, row.try_get("", "unique_key")?), id);
    }
    Ok(found)
}
