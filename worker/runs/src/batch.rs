//! Accepts many runs in one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr};
use serde_json::json;
use syncline_entity::{audit_log, event::record, types::RunStatus};
use syncline_queue::{Error, NewJob, Pushed};
use syncline_sql::{Binds, Kind, begin, moment};
use uuid::Uuid;

use super::{
    accept::{accept_alone, accept_as, undo},
    dispatch::{self, Handed},
    job::{Facts, link_of, waiting_key},
    pause,
    queue::RunQueue,
    run::{Accepted, NewRun},
    told,
};

/// Rows per statement.
const CHUNK: usize = 500;

/// Creates the row of the audit log for the runs accepted by a transaction. It is written in that transaction.
pub type Noting = Arc<dyn Fn(&[Uuid]) -> audit_log::ActiveModel + Send + Sync>;

/// Writes the row of the audit log.
pub(super) async fn note(
    db: &impl ConnectionTrait,
    noting: Option<&Noting>,
    runs: &[Uuid],
) -> Result<(), DbErr> {
    match noting {
        Some(noting) if !runs.is_empty() => noting(runs).insert(db).await.map(drop),
        _ => Ok(()),
    }
}

/// A run to accept together with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) id: Uuid,
    pub(super) run: &'a NewRun,
    /// The waiting key.
    pub(super) key: Option<&'a str>,
}

/// The runs that were accepted in a transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// By id; those in conflict with another run are missing.
    pub(super) accepted: HashMap<Uuid, Accepted>,
    /// The jobs of new runs, if the queue has a store of its own. They are handed over after the commit.
    pub(super) jobs: Vec<NewJob>,
}

impl Batch {
    /// Pushes the jobs of a committed batch, or wakes the queue. A store that is down is no error: the dispatcher
    /// pushes the jobs later.
    pub(super) async fn committed(&mut self, db: &DatabaseConnection, queue: &RunQueue) {
        if queue.same_database().is_some() {
            queue.wake();
            return;
        }
        for jobs in self.jobs.chunks(CHUNK) {
            match dispatch::hand_over(db, queue, jobs).await {
                Ok(handed) => {
                    for (job, handed) in jobs.iter().zip(handed) {
                        if let Handed::Joined(winner) = handed {
                            self.accepted.insert(job.id, Accepted::Joined(winner));
                        }
                    }
                }
                Err(error) => {
                    let runs = jobs.len();
                    tracing::debug!(runs, %error, "accepted; the queue's store will have the runs later");
                }
            }
        }
    }

    /// Returns the ids of the new runs.
    pub(super) fn new_runs(&self) -> Vec<Uuid> {
        let new = |accepted: &Accepted| match accepted {
            Accepted::New(id) => Some(*id),
            Accepted::Joined(_) | Accepted::TickTaken => None,
        };
        let mut runs: Vec<Uuid> = self.accepted.values().filter_map(new).collect();
        runs.sort();
        runs
    }
}

/// Accepts the runs without a conflict, within the caller's transaction.
pub(super) async fn accept_in_one(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    asked: &[Asked<'_>],
) -> Result<Batch, Error> {
    let mut asked = asked.to_vec();
    // All writers use this order of keys, so that two transactions cannot deadlock.
    asked.sort_by_key(|one| (one.key, one.id));
    let now = Utc::now().trunc_subsecs(6);
    let sql = queue.same_database();
    let mut batch = Batch::default();
    for chunk in asked.chunks(CHUNK) {
        let inserted = insert(tx, chunk, now, sql.is_some()).await?;
        let mut jobs: Vec<NewJob> = Vec::with_capacity(chunk.len());
        // An id that occurs twice in the list is new once.
        let mut seen = HashSet::new();
        for one in chunk.iter().filter(|one| inserted.get(&one.id) == Some(&false)) {
            if seen.insert(one.id) {
                jobs.push(Facts::new(one.id, one.run, one.key).job(now));
            }
        }
        batch.accepted.extend(inserted.into_keys().map(|id| (id, Accepted::New(id))));
        let Some(sql) = sql else {
            batch.jobs.extend(jobs);
            continue;
        };
        // A run that waits for a retry has no waiting key any more, but its job still joins equal ones.
        let pushed = sql.push_in(tx, &jobs).await?;
        for (job, winner) in jobs.iter().zip(pushed.into_iter().map(Pushed::winner)) {
            if let Some(winner) = winner {
                undo(tx, job.id).await?;
                batch.accepted.insert(job.id, Accepted::Joined(winner));
            }
        }
    }
    let mut seen = HashSet::new();
    let is_new = |one: &&Asked<'_>| matches!(batch.accepted.get(&one.id), Some(Accepted::New(_)));
    let new = asked.iter().filter(is_new).filter(|one| seen.insert(one.id));
    let events: Vec<_> = new.map(|one| told::accepted(one.id, one.run)).collect();
    record(tx, now, events).await?;
    Ok(batch)
}

/// Accepts all of the runs within the caller's transaction: a run in conflict with another one joins it.
pub(super) async fn accept_all_in(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    asked: &[Asked<'_>],
) -> Result<Batch, Error> {
    let mut batch = accept_in_one(tx, queue, asked).await?;
    let rest: Vec<&Asked<'_>> = asked.iter().filter(|one| !batch.accepted.contains_key(&one.id)).collect();
    let winners = waiting(tx, rest.iter().filter_map(|one| one.key)).await?;
    for one in rest {
        let accepted = match one.key.and_then(|key| winners.get(key)) {
            Some(winner) => Accepted::Joined(*winner),
            // The run in conflict has begun since. If the queue has its own store, the dispatcher pushes the job.
            None => {
                let run = NewRun { id: Some(one.id), ..one.run.clone() };
                accept_as(tx, queue, &run, one.key).await?
            }
        };
        batch.accepted.insert(one.id, accepted);
    }
    Ok(batch)
}

/// Returns the runs that wait under these keys.
async fn waiting<'a>(
    tx: &DatabaseTransaction,
    keys: impl Iterator<Item = &'a str>,
) -> Result<HashMap<String, Uuid>, DbErr> {
    let keys: HashSet<&str> = keys.collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let mut binds = Binds::new(tx);
    let rows = keys.into_iter().map(|key| json!({ "wkey": key })).collect();
    let rows = binds.rows(rows, &[("wkey", Kind::Text)]);
    let text = format!(
        "SELECT h.waiting_key, h.run_uid FROM {rows} AS asked JOIN sync_history h ON h.waiting_key = asked.wkey \
         WHERE h.completed_at IS NULL"
    );
    let read =
        |row: &sea_orm::QueryResult| Ok((row.try_get("", "waiting_key")?, row.try_get("", "run_uid")?));
    binds.all(tx, text).await?.iter().map(read).collect()
}

/// Accepts runs in one transaction, with a row of the audit log for the new ones; returns the results in order. A run
/// equal to a waiting one, or to an earlier one of the list, joins that one. If the queue has no room for all of them,
/// all are refused.
pub async fn accept_many(
    db: &DatabaseConnection,
    queue: &RunQueue,
    runs: &[NewRun],
    noting: Option<&Noting>,
) -> Result<Vec<Accepted>, Error> {
    queue.check_room_for(db, runs.len() as u64).await?;
    let mut keys = Vec::with_capacity(runs.len());
    for run in runs {
        keys.push(waiting_key(run).map_err(|error| DbErr::Json(error.to_string()))?);
    }
    let asked: Vec<Asked<'_>> = runs
        .iter()
        .zip(&keys)
        .map(|(run, key)| Asked { id: run.id.unwrap_or_else(Uuid::now_v7), run, key: key.as_deref() })
        .collect();
    let turn = queue.turn(db).await;
    let tx = begin(db).await?;
    let mut batch = accept_in_one(&tx, queue, &asked).await?;
    note(&tx, noting, &batch.new_runs()).await?;
    tx.commit().await?;
    drop(turn);
    batch.committed(db, queue).await;
    let mut joined: HashMap<&str, Accepted> = HashMap::new();
    let mut seen = HashSet::new();
    let mut accepted = Vec::with_capacity(asked.len());
    for one in &asked {
        let answer = match (batch.accepted.get(&one.id), one.key.and_then(|key| joined.get(key))) {
            (Some(accepted), _) => *accepted,
            (None, Some(first)) if one.run.id.is_none() => *first,
            // It is in conflict with a run that is not in the list.
            (None, _) => {
                let run = NewRun { id: Some(one.id), ..one.run.clone() };
                accept_alone(db, queue, &run, one.key, noting).await?
            }
        };
        if let (Some(key), Some(winner)) = (one.key, answer.id()) {
            joined.entry(key).or_insert(Accepted::Joined(winner));
        }
        // The second of two entries with one id joins the first.
        accepted.push(if seen.insert(one.id) { answer } else { Accepted::Joined(one.id) });
    }
    Ok(accepted)
}

/// Writes the rows without a conflict, as [`accept`](super::accept()) does for one row. Returns the ids of the written
/// rows, and whether their syncs are paused.
async fn insert(
    db: &impl ConnectionTrait,
    asked: &[Asked<'_>],
    now: DateTime<Utc>,
    dispatched: bool,
) -> Result<HashMap<Uuid, bool>, DbErr> {
    let mut binds = Binds::new(db);
    let rows = asked.iter().map(row).collect::<Result<_, _>>();
    let rows = binds.rows(
        rows.map_err(|error: serde_json::Error| DbErr::Json(error.to_string()))?,
        &[
            ("id", Kind::Id),
            ("project", Kind::Number),
            ("sync", Kind::Number),
            ("link", Kind::Number),
            ("parent", Kind::Id),
            ("correlation", Kind::Id),
            ("kind", Kind::Text),
            ("method", Kind::Text),
            ("priority", Kind::Number),
            ("args", Kind::Text),
            ("wkey", Kind::Text),
            ("not_before", Kind::Time),
        ],
    );
    let now = binds.bind(now);
    let paused = pause::condition("c");
    let (dispatched_at, told) = match dispatched {
        true => (format!("CASE WHEN {paused} THEN NULL ELSE {now} END"), "dispatched_at IS NULL".to_owned()),
        false => {
            let told =
                format!("(SELECT {paused} FROM sync_configs c WHERE c.id = sync_history.sync_config_id)");
            ("NULL".to_owned(), told)
        }
    };
    let text = format!(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, link_id, parent_run_id, correlation_id, kind, \
         sync_type, priority, args, status, queued_at, waiting_key, not_before, dispatched_at) \
         SELECT new.id, new.project, c.id, new.link, new.parent, new.correlation, new.kind, new.method, new.priority, \
         {args}, '{queued}', {now}, new.wkey, new.not_before, {dispatched_at} FROM {rows} AS new \
         {configs} WHERE TRUE ON CONFLICT DO NOTHING RETURNING run_uid, {told} AS paused",
        args = binds.json("new.args"),
        // Without `LATERAL`, PostgreSQL would read the whole table for a few dozen runs.
        configs = match binds.backend {
            DbBackend::Postgres => {
                "CROSS JOIN LATERAL (SELECT * FROM sync_configs WHERE id = new.sync LIMIT 1) AS c"
            }
            _ => "JOIN sync_configs c ON c.id = new.sync",
        },
        queued = RunStatus::Queued.as_str(),
    );
    let read = |row: &sea_orm::QueryResult| Ok((row.try_get("", "run_uid")?, row.try_get("", "paused")?));
    binds.all(db, text).await?.iter().map(read).collect()
}

fn row(asked: &Asked<'_>) -> Result<serde_json::Value, serde_json::Error> {
    let Asked { id, run, key } = *asked;
    let text = |id: Uuid| id.simple().to_string();
    Ok(json!({
        "id": text(id),
        "project": run.project_id,
        "sync": run.sync_config_id,
        "link": link_of(&run.args),
        "parent": run.parent.map(text),
        "correlation": text(run.correlation.or(run.parent).unwrap_or(id)),
        "kind": run.kind.as_str(),
        "method": run.method.as_str(),
        "priority": run.priority.rank(),
        "args": serde_json::to_string(&run.args)?,
        "wkey": key,
        "not_before": run.not_before.map(|time| moment(time.trunc_subsecs(6))),
    }))
}
