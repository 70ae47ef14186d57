//! What queues have to do, for programs that start and stop workers.

use std::time::Duration;

use chrono::{SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::Value;
use syncline_engine::nearest::alternatives;
use syncline_entity::worker;
use syncline_queue::State;
use syncline_runs::{RUN_QUEUE, RunQueue};
use syncline_sql::statement;

use crate::{Error, Unknown, pauses::known_queues};

/// The most jobs that are counted; more need no exact number.
const MOST_COUNTED: i64 = 100_000;

/// What a queue has to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Waiting jobs that are due and that a free slot could begin: of the jobs that run one after the other, those of one
    /// sync for example, one at a time. None are runnable while the queue is paused.
    pub runnable: u64,
    pub running: u64,
    /// The slots that would be busy now if there were enough of them.
    pub wanted_slots: u64,
    /// The slots of live workers of this queue that go on taking jobs.
    pub slots: u64,
    /// How long the earliest runnable job has been due.
    pub oldest: Duration,
}

/// Counts what a queue has to do.
pub async fn scale(db: &DatabaseConnection, queue: &RunQueue, name: &str) -> Result<Scale, Error> {
    let known = known_queues(db).await?;
    if !known.contains(name) {
        let queues = alternatives(name, known.iter().map(String::as_str), "queues with workers are");
        return Err(Error::unknown(Unknown::Queue, format!("there is no queue {name:?}; {queues}")));
    }
    let counts = queue.counts_lately(name).await?;
    let waiting = counts.iter().filter(|count| count.state == State::Waiting);
    let running: u64 =
        counts.iter().filter(|count| count.state == State::Running).map(|count| count.jobs).sum();
    let due: u64 = waiting.clone().map(|count| count.jobs.saturating_sub(count.delayed)).sum();
    let oldest = waiting.filter(|count| count.jobs > count.delayed).map(|count| count.oldest).max();
    let paused = queue.is_paused(name).await?;
    let runnable = match (paused, due) {
        (true, _) | (_, 0) => 0,
        // The rows of runs tell which ones run one after the other, whatever store has their jobs.
        (false, due) if name == RUN_QUEUE => due.min(keys_free(db, queue, due).await?),
        (false, due) => due,
    };
    let slots = worker::live(db).await?;
    let serves = |worker: &worker::Model| {
        worker.queues.as_array().is_some_and(|queues| queues.contains(&Value::from(name)))
    };
    let takes = |worker: &worker::Model| !worker.stopping && !worker.draining;
    let slots: u64 = slots
        .iter()
        .map(|seen| &seen.worker)
        .filter(|worker| serves(worker) && takes(worker))
        .map(|worker| u64::try_from(worker.concurrency).unwrap_or(0))
        .sum();
    let oldest = oldest.filter(|_| runnable > 0).unwrap_or_default();
    Ok(Scale { runnable, running, wanted_slots: runnable + running, slots, oldest })
}

/// Counts the keys of waiting runs of which no run executes: a sync, or a link for runs of one item. Jobs without a run
/// are added, as they have keys of their own.
async fn keys_free(db: &DatabaseConnection, queue: &RunQueue, due: u64) -> Result<u64, Error> {
    let counted = counted_keys(db.clone());
    let (runs, keys) = queue.free_keys().get(RUN_QUEUE, |(runs, _)| *runs, counted).await?;
    Ok(keys + due.saturating_sub(runs.max(keys)))
}

/// The waiting runs that are counted, and their free keys.
async fn counted_keys(db: DatabaseConnection) -> Result<(u64, u64), Error> {
    let sql = format!(
        "SELECT COUNT(*) AS runs, COUNT(DISTINCT CASE WHEN w.link_id IS NULL THEN -w.sync_config_id ELSE w.link_id END) AS keys \
         FROM (SELECT sync_config_id, link_id, not_before FROM sync_history WHERE completed_at IS NULL \
         AND status = 'queued' AND dispatched_at IS NOT NULL AND (not_before IS NULL OR not_before <= ?) \
         LIMIT {MOST_COUNTED}) AS w WHERE NOT EXISTS (SELECT 1 FROM sync_history r WHERE r.completed_at IS NULL \
         AND r.status = 'in_progress' AND r.sync_config_id = w.sync_config_id \
         AND COALESCE(r.link_id, 0) = COALESCE(w.link_id, 0))"
    );
    let now = Utc::now().trunc_subsecs(6);
    let row = db.query_one_raw(statement(db.get_database_backend(), &sql, [now.into()])).await?;
    let Some(row) = row else { return Ok((0, 0)) };
    let number = |name: &str| row.try_get::<i64>("", name).map(i64::unsigned_abs);
    Ok((number("runs")?, number("keys")?))
}
