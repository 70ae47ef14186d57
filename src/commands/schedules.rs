//! `syncline schedules`: lists the schedules of syncs.

use chrono::Utc;
use sea_orm::{DatabaseConnection, EntityTrait, QueryOrder};
use serde_json::json;
use syncline_entity::{schedule, sync_config, types::ScheduleKind};
use syncline_runs::pause as pauses;
use syncline_service::{schedules as service, syncs};

use super::workers;
use crate::{
    app,
    cli::{SchedulesAction, SchedulesArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::date,
};

/// Lists schedules, or carries out what is asked of one.
pub(crate) async fn run(config: &Config, args: &SchedulesArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    match &args.action {
        None | Some(SchedulesAction::List) => list(&db, output).await,
        Some(SchedulesAction::Run(args)) => run_now(config, &db, &args.sync, output).await,
        Some(SchedulesAction::Pause(args)) => pause(config, &db, &args.sync, output).await,
        Some(SchedulesAction::Resume(args)) => resume(config, &db, &args.sync, output).await,
    }
}

async fn run_now(
    config: &Config,
    db: &DatabaseConnection,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let known = service::of_sync(db, name).await?;
    let queue = app::queue(config, db)?;
    let run = service::run(db, &queue, &config.caller(), &known).await?;
    output.data(
        &json!({ "schedule": known.row.id, "sync": known.sync.name, "run": run.id, "joined": run.joined }),
    );
    output.line(if run.joined {
        format!("the run {} of {} waits already", run.id, known.sync)
    } else {
        format!("enqueued {} of {}; its next tick comes all the same", run.id, known.sync)
    });
    if !workers::any(db).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

async fn pause(config: &Config, db: &DatabaseConnection, name: &str, output: &Output) -> Result<Exit, Fault> {
    let known = service::of_sync(db, name).await?;
    let changed = service::pause(db, &config.caller(), &known).await?;
    output.data(
        &json!({ "schedule": known.row.id, "sync": known.sync.name, "paused": true, "changed": changed }),
    );
    output.line(if changed {
        format!("the schedule of {0} is paused; `syncline schedules resume {0}` ends that", known.sync)
    } else {
        format!("the schedule of {} was paused already", known.sync)
    });
    Ok(Exit::Done)
}

async fn resume(
    config: &Config,
    db: &DatabaseConnection,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let known = service::of_sync(db, name).await?;
    let changed = service::resume(db, &config.caller(), &known).await?;
    output.data(
        &json!({ "schedule": known.row.id, "sync": known.sync.name, "paused": false, "changed": changed }),
    );
    output.line(if changed {
        format!("the schedule of {} goes on", known.sync)
    } else {
        format!("the schedule of {} was not paused", known.sync)
    });
    if pauses::is_paused(db, known.sync.id).await? {
        output.line(format!("the sync {0} itself is paused: syncline resume sync {0}", known.sync));
    }
    Ok(Exit::Done)
}

/// Lists schedules, the next to fire first.
async fn list(db: &DatabaseConnection, output: &Output) -> Result<Exit, Fault> {
    let rows = schedule::Entity::find()
        .find_also_related(sync_config::Entity)
        .order_by_asc(schedule::Column::Id)
        .all(db)
        .await?;
    let mut rows: Vec<(schedule::Model, sync_config::Model)> = rows
        .into_iter()
        .filter_map(|(row, config)| Some((row, config.filter(|config| config.deleted_at.is_none())?)))
        .collect();
    rows.sort_by_key(|(row, _)| (row.next_tick_at.is_none(), row.next_tick_at));
    let paused = pauses::paused_of(db, rows.iter().map(|(row, _)| row.sync_config_id)).await?;
    let state = |row: &schedule::Model, config: &sync_config::Model| {
        if !config.enabled {
            "disabled"
        } else if row.paused_at.is_some() || paused.contains(&config.id) {
            "paused"
        } else if row.next_tick_at.is_none() {
            "none"
        } else {
            "on"
        }
    };
    let syncs = syncs::all(db).await?;
    let project = |config: &sync_config::Model| syncs.get(&config.id).map(|sync| sync.project.clone());
    let when = |row: &schedule::Model| match row.kind {
        ScheduleKind::Interval if row.expression == "0" => "never".to_owned(),
        ScheduleKind::Interval => format!("every {} s", row.expression),
        ScheduleKind::Cron => row.expression.clone(),
    };
    let json = rows.iter().map(|(row, config)| {
        json!({
            "sync": config.name, "project": project(config), "state": state(row, config), "kind": row.kind, "expression": row.expression,
            "timezone": row.timezone, "run_window": row.run_window, "missed_ticks": row.missed_policy,
            "next_tick_at": row.next_tick_at, "last_tick_at": row.last_tick_at,
        })
    });
    output.data(&json!({ "schedules": json.collect::<Vec<_>>() }));
    let line = |(row, config): &(schedule::Model, sync_config::Model)| {
        vec![
            syncs.get(&config.id).map(ToString::to_string).unwrap_or_default(),
            when(row),
            row.timezone.clone(),
            row.run_window.clone().unwrap_or_else(|| "always".to_owned()),
            row.missed_policy.clone(),
            state(row, config).to_owned(),
            row.next_tick_at.map(date).unwrap_or_default(),
            row.last_tick_at.map(date).unwrap_or_default(),
        ]
    };
    let head = [
        "sync",
        "schedule",
        "time zone",
        "window",
        "missed ticks",
        "state",
        "next tick (UTC)",
        "last tick (UTC)",
    ];
    if rows.is_empty() {
        output.line("no schedules; `syncline apply -f FILE` stores a sync with one");
        return Ok(Exit::Done);
    }
    output.table(&head, rows.iter().map(line).collect());
    let late = |row: &schedule::Model, config: &sync_config::Model| {
        state(row, config) == "on" && row.next_tick_at.is_some_and(|at| at < Utc::now())
    };
    if rows.iter().any(|(row, config)| late(row, config)) && !workers::any(db).await? {
        output.line(format!("next ticks are in the past: {}", workers::NONE));
    }
    Ok(Exit::Done)
}
