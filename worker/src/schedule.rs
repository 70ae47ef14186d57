//! Intervals into runs: each tick fires once, however many workers look.
//!
//! No worker leads. Whoever sees a due tick inserts its run under the unique key (schedule, tick); the second one to try
//! finds the key taken. Ticks that passed while nobody looked are fired as one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use syncline_entity::{
    schedule, sync_config,
    types::{RunKind, SyncMethod},
};
use syncline_queue::outbox::{Accepted, NewRun, accept};
use tokio_util::sync::CancellationToken;

use crate::{environment::Environment, store::statement};

/// How often to look when nothing is due sooner: another process may have added a schedule.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Fires schedules until shutdown.
pub async fn run(environment: Environment, shutdown: CancellationToken) {
    loop {
        let wait = match fire_due(&environment).await {
            Ok(next) => {
                let until = next.map(|next| (next - environment.clock.now()).to_std().unwrap_or_default());
                until.unwrap_or(LOOK_EVERY).clamp(Duration::from_millis(50), LOOK_EVERY)
            }
            Err(error) => {
                tracing::warn!(%error, "schedules could not be read; trying again");
                LOOK_EVERY
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Fires every due tick. Answers when the next one is due.
pub async fn fire_due(environment: &Environment) -> Result<Option<DateTime<Utc>>, DbErr> {
    let now = environment.clock.now();
    let due = schedule::Entity::find()
        .find_also_related(sync_config::Entity)
        .filter(schedule::Column::PausedAt.is_null())
        .filter(schedule::Column::NextTickAt.lte(now))
        .filter(
            Condition::all()
                .add(sync_config::Column::Enabled.eq(true))
                .add(sync_config::Column::PausedAt.is_null())
                .add(sync_config::Column::DeletedAt.is_null()),
        )
        .limit(100)
        .all(&environment.db)
        .await?;
    for (schedule, config) in due {
        if let Some(config) = config {
            fire(environment, &schedule, &config, now).await?;
        }
    }
    let next: Option<Option<DateTime<Utc>>> = schedule::Entity::find()
        .select_only()
        .column(schedule::Column::NextTickAt)
        .filter(schedule::Column::PausedAt.is_null())
        .filter(schedule::Column::NextTickAt.gt(now))
        .order_by_asc(schedule::Column::NextTickAt)
        .into_tuple()
        .one(&environment.db)
        .await?;
    Ok(next.flatten())
}

async fn fire(
    environment: &Environment,
    schedule: &schedule::Model,
    config: &sync_config::Model,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Some(tick) = schedule.next_tick_at else { return Ok(()) };
    let run = match NewRun::of(config, RunKind::Sync, SyncMethod::Batch) {
        Ok(run) => NewRun { tick: Some((schedule.id, tick)), ..run },
        Err(error) => {
            tracing::error!(sync = config.name, %error, "the stored document cannot be read; its schedule does not fire");
            return Ok(());
        }
    };
    match accept(&environment.db, &environment.queue, &run).await {
        Ok(Accepted::New(id)) => tracing::info!(sync = config.name, run = %id, %tick, "the schedule fired"),
        Ok(Accepted::Joined(id)) => tracing::debug!(sync = config.name, run = %id, "a run waits already"),
        Ok(Accepted::TickTaken) => {}
        Err(error) => {
            tracing::warn!(sync = config.name, %error, "the schedule could not fire; trying again");
            return Ok(());
        }
    }
    let sql = "UPDATE schedules SET last_tick_at = ?, next_tick_at = ?, updated_at = ? WHERE id = ? AND next_tick_at = ?";
    let next = next_tick(schedule, tick, now);
    let values = [tick.into(), next.into(), now.into(), schedule.id.into(), tick.into()];
    let db = &environment.db;
    db.execute_raw(statement(db.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// The first tick after now; those in between are missed, and the one just fired stands for them.
fn next_tick(schedule: &schedule::Model, tick: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let seconds: i64 = schedule.expression.parse().ok().filter(|seconds| *seconds > 0)?;
    let missed = (now - tick).num_seconds().max(0) / seconds;
    Some(tick + TimeDelta::seconds((missed + 1) * seconds))
}
