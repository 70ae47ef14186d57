//! `syncline schedules`: when syncs run by themselves.

use sea_orm::{EntityTrait, QueryOrder};
use serde_json::json;
use syncline_entity::{schedule, sync_config, types::ScheduleKind};
use syncline_queue::outbox::pause;

use crate::{
    app,
    fault::{Exit, Fault},
    output::Output,
};

/// Lists schedules, the next to fire first.
pub(crate) async fn run(url: &str, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url).await?;
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
    let when = |row: &schedule::Model| match row.kind {
        ScheduleKind::Interval if row.expression == "0" => "never".to_owned(),
        ScheduleKind::Interval => format!("every {} s", row.expression),
        ScheduleKind::Cron => row.expression.clone(),
    };
    let json = rows.iter().map(|(row, config)| {
        json!({
            "sync": config.name, "state": state(row, config), "kind": row.kind, "expression": row.expression,
            "timezone": row.timezone, "run_window": row.run_window, "missed_ticks": row.missed_policy,
            "next_tick_at": row.next_tick_at, "last_tick_at": row.last_tick_at,
        })
    });
    output.data(&json!({ "schedules": json.collect::<Vec<_>>() }));
    let time = |at: Option<chrono::DateTime<chrono::Utc>>| {
        at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    };
    let line = |(row, config): &(schedule::Model, sync_config::Model)| {
        vec![
            config.name.clone(),
            when(row),
            row.timezone.clone(),
            row.run_window.clone().unwrap_or_else(|| "always".to_owned()),
            row.missed_policy.clone(),
            state(row, config).to_owned(),
            time(row.next_tick_at),
            time(row.last_tick_at),
        ]
    };
    let head =
        ["sync", "schedule", "time zone", "window", "missed", "state", "next tick (UTC)", "last tick (UTC)"];
    output.table(&head, rows.iter().map(line).collect());
    Ok(Exit::Done)
}
