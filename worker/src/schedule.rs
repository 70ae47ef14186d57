//! Turns schedules into runs. Each tick fires once, however many workers poll.
//!
//! There is no leader. A worker that finds a due tick advances the schedule by compare-and-set and inserts the run
//! under the unique key (schedule, tick), in one transaction; a second worker finds the schedule advanced. The engine
//! decides which tick comes when, and what happens to missed ones ([`syncline_engine::schedule`]).

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use syncline_engine::{
    schedule::{Due, Schedule, When, Windows, parse_zone},
    spec::MissedTicks,
};
use syncline_entity::{
    schedule, sync_config,
    types::{RunKind, ScheduleKind, SyncMethod},
};
use syncline_runs::{Accepted, NewRun, accept_in, committed, pause};
use syncline_sql::{begin, statement};
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;

/// Longest time between two polls when nothing is due sooner: another process may have added a schedule.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Schedules read together.
const PAGE: u64 = 100;

/// Delay of a schedule that cannot be read: another worker may have a version that can.
const PUT_OFF: TimeDelta = TimeDelta::minutes(1);

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

/// Fires every due tick. Returns when the next one is due.
pub async fn fire_due(environment: &Environment) -> Result<Option<DateTime<Utc>>, DbErr> {
    revive(environment).await?;
    let now = environment.clock.now();
    let mut last = 0;
    loop {
        let due = schedule::Entity::find()
            .find_also_related(sync_config::Entity)
            .filter(schedule::Column::Id.gt(last))
            .filter(schedule::Column::NextTickAt.lte(now))
            .filter(live())
            .order_by_asc(schedule::Column::Id)
            .limit(PAGE)
            .all(&environment.db)
            .await?;
        let Some((highest, _)) = due.last() else { break };
        last = highest.id;
        let paused = pause::paused_of(&environment.db, due.iter().map(|(row, _)| row.sync_config_id)).await?;
        for (schedule, config) in due {
            let Some(config) = config.filter(|config| !paused.contains(&config.id)) else { continue };
            // An error in one schedule, or in the row of one sync, must not stop the others.
            if let Err(error) = fire(environment, &schedule, &config, now).await {
                tracing::warn!(sync = config.name, %error, "the schedule could not fire; trying again");
            }
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

/// Selects schedules that are not paused, of syncs that are enabled, not deleted and not paused.
fn live() -> Condition {
    Condition::all()
        .add(schedule::Column::PausedAt.is_null())
        .add(sync_config::Column::Enabled.eq(true))
        .add(Expr::cust(format!("NOT {}", pause::condition("sync_configs"))))
        .add(sync_config::Column::DeletedAt.is_null())
}

/// Parses the schedule of a row. The error is for display.
pub fn read(row: &schedule::Model) -> Result<Schedule, String> {
    let when = match row.kind {
        ScheduleKind::Interval => {
            let seconds = row.expression.parse().ok().and_then(When::seconds);
            seconds.ok_or_else(|| format!("{:?} is no interval in seconds", row.expression))?
        }
        ScheduleKind::Cron => When::parse(&row.expression)?,
    };
    Ok(Schedule {
        when,
        zone: parse_zone(&row.timezone)?,
        windows: row.run_window.as_deref().map(Windows::parse).transpose()?,
        missed: MissedTicks::parse(&row.missed_policy)?,
    })
}

async fn fire(
    environment: &Environment,
    row: &schedule::Model,
    config: &sync_config::Model,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let Some(tick) = row.next_tick_at else { return Ok(()) };
    let read = read(row).and_then(|schedule| {
        let run = NewRun::of(config, RunKind::Sync, SyncMethod::Batch);
        run.map(|run| (schedule, run)).map_err(|error| format!("the stored document: {error}"))
    });
    let (schedule, run) = match read {
        Ok(read) => read,
        Err(error) => {
            tracing::error!(
                sync = config.name,
                error,
                "the schedule cannot be read and does not fire; apply the sync again"
            );
            let later = now + PUT_OFF;
            move_on(&environment.db, row, tick, None, Some(later), now).await?;
            return Ok(());
        }
    };
    let Due { fires, next } = schedule.due(tick, now);
    let mut current = tick;
    if let Some(first) = fires.first().filter(|first| **first != tick) {
        tracing::warn!(sync = config.name, since = %tick, "too many ticks were missed; only the latest fire");
        if !move_on(&environment.db, row, tick, None, Some(*first), now).await? {
            return Ok(());
        }
        current = *first;
    } else if fires.is_empty() {
        tracing::debug!(sync = config.name, %tick, "the tick has passed and does not fire");
        move_on(&environment.db, row, tick, None, next, now).await?;
        return Ok(());
    }
    let followers = fires.iter().skip(1).copied().map(Some).chain([next]);
    for following in followers {
        // A run that must not be merged with a waiting one starts no earlier than its tick.
        let not_before = (schedule.missed == MissedTicks::All).then_some(current);
        let run = NewRun { tick: Some((row.id, current)), not_before, ..run.clone() };
        let moved = fire_tick(environment, row, config, &run, current, following, now).await?;
        let (true, Some(following)) = (moved, following) else { break };
        current = following;
    }
    Ok(())
}

/// Advances the schedule and accepts the run, both or neither. Returns false if another worker was first.
async fn fire_tick(
    environment: &Environment,
    row: &schedule::Model,
    config: &sync_config::Model,
    run: &NewRun,
    tick: DateTime<Utc>,
    next: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> anyhow::Result<bool> {
    let tx = begin(&environment.db).await?;
    if !move_on(&tx, row, tick, Some(tick), next, now).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    match accept_in(&tx, &environment.queue, run).await {
        Ok(accepted @ Accepted::New(id)) => {
            tx.commit().await?;
            committed(&environment.db, &environment.queue, accepted).await;
            tracing::info!(sync = config.name, run = %id, %tick, "the schedule fired");
        }
        Ok(Accepted::Joined(id)) => {
            tx.commit().await?;
            tracing::debug!(sync = config.name, run = %id, %tick, "a run waits already");
        }
        Ok(Accepted::TickTaken) => {
            // Possible only after a restored backup or a manual edit: the schedule is at a tick that has its run
            // already.
            tx.rollback().await?;
            return Ok(move_on(&environment.db, row, tick, Some(tick), next, now).await?);
        }
        Err(error) => {
            tx.rollback().await?;
            return Err(error.into());
        }
    }
    Ok(true)
}

/// Advances a schedule from a tick. Returns false if it is no longer at that tick, or was edited.
async fn move_on(
    db: &impl ConnectionTrait,
    row: &schedule::Model,
    tick: DateTime<Utc>,
    fired: Option<DateTime<Utc>>,
    next: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let sql = "UPDATE schedules SET last_tick_at = COALESCE(?, last_tick_at), next_tick_at = ?, updated_at = ? \
               WHERE id = ? AND next_tick_at = ? AND expression = ?";
    let values =
        [fired.into(), next.into(), now.into(), row.id.into(), tick.into(), row.expression.clone().into()];
    Ok(db.execute_raw(statement(db.get_database_backend(), sql, values)).await?.rows_affected() > 0)
}

/// Sets the next tick of cron schedules that have none. Versions that know only intervals leave it empty.
async fn revive(environment: &Environment) -> Result<(), DbErr> {
    let lost = schedule::Entity::find()
        .find_also_related(sync_config::Entity)
        .filter(schedule::Column::Kind.eq(ScheduleKind::Cron))
        .filter(schedule::Column::NextTickAt.is_null())
        .filter(live())
        .limit(PAGE)
        .all(&environment.db)
        .await?;
    let now = environment.clock.now();
    for (row, _) in lost {
        let Some(next) = read(&row).ok().and_then(|schedule| schedule.next_tick(now, now)) else { continue };
        let sql = "UPDATE schedules SET next_tick_at = ?, updated_at = ? \
                   WHERE id = ? AND next_tick_at IS NULL AND expression = ?";
        let values = [next.into(), now.into(), row.id.into(), row.expression.into()];
        let db = &environment.db;
        db.execute_raw(statement(db.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}
