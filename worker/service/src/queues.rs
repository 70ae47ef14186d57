//! What queues have to do, for programs that start and stop workers.

use std::{collections::HashMap, time::Duration};

use chrono::{SubsecRound, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect};
use serde_json::Value;
use syncline_engine::nearest::alternatives;
use syncline_entity::{sync_history, types, worker};
use syncline_queue::{Count, Priority, State};
use syncline_runs::{
    RUN_QUEUE, RunQueue,
    listing::{self, Listing, Standing},
    queue_priority,
};
use syncline_sql::statement;

use crate::{Error, Unknown, pauses::known_queues};

/// The most jobs that are counted; more need no exact number.
const MOST_COUNTED: i64 = 100_000;

/// The jobs of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueCounts {
    pub name: String,
    pub paused: bool,
    /// The most jobs that may wait.
    pub limit: u64,
    /// By priority, the most urgent first.
    pub classes: Vec<ClassCounts>,
}

/// The jobs of one priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassCounts {
    pub priority: Priority,
    /// Jobs that have not begun or wait for a retry, including the next two.
    pub queued: u64,
    /// Queued jobs that are not due yet.
    pub delayed: u64,
    /// Queued runs that the queue does not have: their sync is paused, or the queue could not be reached.
    pub undispatched: u64,
    pub in_progress: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the earliest due job has waited.
    pub oldest: Option<Duration>,
}

impl ClassCounts {
    fn of(priority: Priority, counts: &[Count]) -> ClassCounts {
        let of = |state| counts.iter().find(|count| count.priority == priority && count.state == state);
        let jobs = |state| of(state).map_or(0, |count| count.jobs);
        let waiting = of(State::Waiting);
        ClassCounts {
            priority,
            queued: jobs(State::Waiting),
            delayed: waiting.map_or(0, |count| count.delayed),
            undispatched: 0,
            in_progress: jobs(State::Running),
            dead: jobs(State::Dead),
            oldest: waiting.filter(|count| count.jobs > count.delayed).map(|count| count.oldest),
        }
    }
}

/// Counts the jobs of each queue and priority.
pub async fn counts(db: &DatabaseConnection, queue: &RunQueue) -> Result<Vec<QueueCounts>, Error> {
    let mut queues = Vec::new();
    for name in known_queues(db).await? {
        let counts = queue.counts(&name).await?;
        let mut classes: Vec<ClassCounts> =
            Priority::ALL.into_iter().map(|priority| ClassCounts::of(priority, &counts)).collect();
        if name == RUN_QUEUE {
            let (dead, undispatched) = (dead(db, queue).await?, undispatched(db).await?);
            for class in &mut classes {
                let of = |counts: &HashMap<Priority, u64>| counts.get(&class.priority).copied().unwrap_or(0);
                (class.dead, class.undispatched) = (of(&dead), of(&undispatched));
                class.queued += class.undispatched;
            }
        }
        let paused = queue.is_paused(&name).await?;
        queues.push(QueueCounts { name, paused, limit: queue.limit(), classes });
    }
    Ok(queues)
}

/// The number of dead letters of each priority, as lists of them show it. The queue's own count differs: it may still
/// contain a dead job whose run is recorded as dead already, and it lacks dead runs whose job is gone.
async fn dead(db: &DatabaseConnection, queue: &RunQueue) -> Result<HashMap<Priority, u64>, Error> {
    let of_runs = sync_history::Entity::find().filter(sync_history::Column::DeadAt.is_not_null());
    let mut counts = by_priority(db, of_runs).await?;
    // Dead jobs without a run.
    let mut asked =
        Listing { limit: 1000, after: Some(listing::AFTER_RUNS.to_owned()), ..Listing::new(Standing::Dead) };
    loop {
        let page = listing::list(db, queue, &asked).await?;
        for job in &page.jobs {
            *counts.entry(job.priority).or_default() += 1;
        }
        match page.next {
            Some(next) => asked.after = Some(next),
            None => return Ok(counts),
        }
    }
}

/// The number of undispatched runs, which are rows of the database with any queue.
async fn undispatched(db: &DatabaseConnection) -> Result<HashMap<Priority, u64>, Error> {
    let rows = sync_history::Entity::find()
        .filter(sync_history::Column::CompletedAt.is_null())
        .filter(sync_history::Column::DispatchedAt.is_null());
    by_priority(db, rows).await
}

async fn by_priority(
    db: &DatabaseConnection,
    runs: sea_orm::Select<sync_history::Entity>,
) -> Result<HashMap<Priority, u64>, Error> {
    let rows: Vec<(types::Priority, i64)> = runs
        .select_only()
        .column(sync_history::Column::Priority)
        .column_as(sync_history::Column::Id.count(), "runs")
        .group_by(sync_history::Column::Priority)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(priority, runs)| (queue_priority(priority), runs.unsigned_abs())).collect())
}

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
