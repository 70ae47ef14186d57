//! `syncline schedules`: lists the schedules of syncs.

use chrono::Utc;
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;
use syncline_entity::{schedule, sync_config, types::ScheduleKind};
use syncline_runs::pause;
use syncline_service::syncs;

use super::workers;
use crate::{
    app,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::date,
};

/// Lists schedules, the next to fire first.
pub(crate) async fn run(config: &Config, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let rows = schedule::Entity::find()
        .find_also_related(sync_config::Entity)
        .order_by_asc(schedule::Column::Id)
        .all(&db)
        .await?;
    let mut rows: Vec<(schedule::Model, sync_config::Model)> = rows
        .into_iter()
        .filter_map(|(row, config)| Some((row, config.filter(|config| config.deleted_at.is_none())?)))
        .collect();
    rows.sort_by_key(|(row, _)| (row.next_tick_at.is_none(), row.next_tick_at));
    let paused = pause::paused_of(&db, rows.iter().map(|(row, _)| row.sync_config_id)).await?;
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
    let syncs = syncs::all(&db).await?;
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
    if rows.iter().any(|(row, config)| late(row, config)) && !workers::any(&db).await? {
        output.line(format!("next ticks are in the past: {}", workers::NONE));
    }
    Ok(Exit::Done)
}
