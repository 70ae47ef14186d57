//! Recurring maintenance tasks. Each tick fires once, however many workers poll.
//!
//! There is no leader. The worker that advances a task's `next_at` by compare-and-set takes the tick. A long task
//! becomes a job, pushed in the same transaction or, if the queue has a store of its own, just before the commit; a
//! short one runs in the worker itself.
//!
//! The first tick of a task comes at a random time within its interval or the first day, and never at once: after an
//! upgrade there is time to set the retention before anything is removed.

use std::{pin::Pin, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use syncline_entity::maintenance_task;
use syncline_queue::NewJob;
use syncline_service::operations;
use syncline_sql::{begin, statement};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{environment::Environment, handlers};

/// Longest time between two polls when nothing is due sooner.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Work that a worker does itself; its result is kept for display.
pub type Here =
    for<'a> fn(&'a Environment) -> Pin<Box<dyn Future<Output = anyhow::Result<Value>> + Send + 'a>>;

#[derive(Clone, Copy)]
pub enum Work {
    /// The tick pushes this job.
    Job(fn() -> NewJob),
    /// The worker that took the tick does the work. It must end in a few seconds, since the other tasks wait for it.
    Here(Here),
}

#[derive(Clone, Copy)]
pub struct Task {
    /// The key of the task's row.
    pub name: &'static str,
    /// The interval between two ticks; `None`: this worker takes no ticks.
    pub every: fn(&Environment) -> Option<Duration>,
    pub work: Work,
}

/// All tasks. To add one, add a line.
pub const TASKS: &[Task] = &[
    Task {
        name: "purge",
        every: |environment| environment.retention.every.length(),
        work: Work::Job(handlers::purge_job),
    },
    Task {
        name: "operations",
        every: |_| Some(LOOK_EVERY),
        work: Work::Here(|environment| {
            Box::pin(async move {
                let pushed = operations::push_lost(&environment.db, &environment.queue).await?;
                if pushed > 0 {
                    tracing::warn!(operations = pushed, "the queue had lost operations; they are put back");
                }
                Ok(json!({ "put_back": pushed }))
            })
        }),
    },
    // A busy installation writes a day's limit of events within minutes.
    Task { name: "events", every: |_| Some(Duration::from_secs(60)), work: Work::Here(purge_events) },
];

/// The time limit for removing events in one tick.
const EVENTS_AT_MOST: Duration = Duration::from_secs(5);

fn purge_events(
    environment: &Environment,
) -> Pin<Box<dyn Future<Output = anyhow::Result<Value>> + Send + '_>> {
    Box::pin(async move {
        let (db, now) = (&environment.db, environment.clock.now());
        let removed = syncline_upkeep::purge::events(db, now, &environment.retention, EVENTS_AT_MOST).await?;
        Ok(json!({ "removed": removed }))
    })
}

/// Takes ticks until shutdown.
pub async fn run(environment: Environment, shutdown: CancellationToken) {
    loop {
        let wait = match fire_due(&environment, TASKS).await {
            Ok(next) => {
                let until = next.map(|next| (next - environment.clock.now()).to_std().unwrap_or_default());
                until.unwrap_or(LOOK_EVERY).clamp(Duration::from_millis(50), LOOK_EVERY)
            }
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "maintenance could not be looked at; trying again"
                );
                LOOK_EVERY
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Takes every due tick. Returns when the next one is due.
pub async fn fire_due(environment: &Environment, tasks: &[Task]) -> anyhow::Result<Option<DateTime<Utc>>> {
    let mut next = None;
    for task in tasks {
        let Some(every) = (task.every)(environment) else { continue };
        let every =
            TimeDelta::from_std(every).unwrap_or(TimeDelta::MAX).clamp(TimeDelta::seconds(1), LONGEST);
        make_known(environment, task, every).await?;
        let row = maintenance_task::Entity::find_by_id(task.name)
            .filter(maintenance_task::Column::Enabled.eq(true))
            .order_by_asc(maintenance_task::Column::NextAt)
            .one(&environment.db)
            .await?;
        let Some(row) = row else { continue };
        let now = environment.clock.now();
        let due = if row.next_at <= now {
            take(environment, task, &row, every, now).await?;
            now + every
        } else {
            row.next_at
        };
        next = Some(next.map_or(due, |earlier: DateTime<Utc>| earlier.min(due)));
    }
    Ok(next)
}

/// Ten years: longer than any installation waits, and still a valid date in every database.
const LONGEST: TimeDelta = TimeDelta::days(3_650);

/// Inserts the row of a task if it is missing.
async fn make_known(environment: &Environment, task: &Task, every: TimeDelta) -> Result<(), DbErr> {
    let sql = "INSERT INTO maintenance_tasks (task, every_seconds, next_at, enabled) VALUES (?, ?, ?, ?) \
               ON CONFLICT (task) DO NOTHING";
    let first = environment.clock.now() + within(every.min(TimeDelta::days(1)));
    let values = [task.name.into(), every.num_seconds().into(), first.into(), true.into()];
    let db = &environment.db;
    db.execute_raw(statement(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Returns a random duration between a tenth of `length` and all of it.
fn within(length: TimeDelta) -> TimeDelta {
    // The last bits of a version 7 UUID are random, which suffices here.
    let random = (Uuid::now_v7().as_u128() & u128::from(u32::MAX)) as i64;
    let tenth = length / 10;
    tenth + TimeDelta::milliseconds((length - tenth).num_milliseconds() / 1_000 * (random % 1_000))
}

/// Takes a tick, unless another worker took it first.
async fn take(
    environment: &Environment,
    task: &Task,
    row: &maintenance_task::Model,
    every: TimeDelta,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let tx = begin(&environment.db).await?;
    let sql = "UPDATE maintenance_tasks SET next_at = ?, last_at = ?, every_seconds = ? \
               WHERE task = ? AND next_at = ? AND enabled = ?";
    let values = [
        (now + every).into(),
        now.into(),
        every.num_seconds().into(),
        task.name.into(),
        row.next_at.into(),
        true.into(),
    ];
    if tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() == 0 {
        tx.rollback().await?;
        return Ok(());
    }
    match task.work {
        Work::Job(job) => {
            environment.queue.push_beside(&tx, &[job()]).await?;
            tx.commit().await?;
            environment.queue.wake();
            tracing::info!(task = task.name, "maintenance is due; its job is in the queue");
        }
        Work::Here(work) => {
            tx.commit().await?;
            let result = work(environment).await.unwrap_or_else(|error| {
                tracing::warn!(task = task.name, error = format!("{error:#}"), "maintenance failed");
                json!({ "error": format!("{error:#}") })
            });
            note(environment, task.name, &result).await?;
        }
    }
    Ok(())
}

/// Stores the result of a task's last tick for display.
pub async fn note(environment: &Environment, task: &str, result: &Value) -> Result<(), DbErr> {
    let sql = "UPDATE maintenance_tasks SET last_result = ? WHERE task = ?";
    let db = &environment.db;
    let values = [result.clone().into(), task.into()];
    db.execute_raw(statement(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tick_is_neither_at_once_nor_later_than_the_interval() {
        for _ in 0..1_000 {
            let first = within(TimeDelta::days(1));
            assert!(first >= TimeDelta::hours(2) && first <= TimeDelta::days(1), "{first}");
        }
    }
}
