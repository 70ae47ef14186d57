//! `syncline schedules`: lists the schedules of syncs.

use chrono::Utc;
use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::schedules::views;
use syncline_runs::pause as pauses;
use syncline_service::schedules as service;

use super::workers;
use crate::{
    app,
    cli::{SchedulesAction, SchedulesArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list as entries, moment, sync_name, text},
    words::date,
};

/// Lists schedules, or carries out what is asked of one.
pub(crate) async fn run(config: &Config, args: &SchedulesArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    match &args.action {
        None | Some(SchedulesAction::List) => list(config, &db, output).await,
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
    let done =
        json!({ "schedule": known.row.id, "sync": known.sync.name, "run": run.id, "joined": run.joined });
    tell_run(&done, &known.sync.to_string(), output);
    if !workers::any(db).await? {
        output.line(workers::NONE);
    }
    Ok(Exit::Done)
}

/// Prints that the run of a schedule was put in the queue.
pub(crate) fn tell_run(done: &Value, sync: &str, output: &Output) {
    output.data(done);
    let run = text(done, "run");
    output.line(match done["joined"] == true {
        true => format!("the run {run} of {sync} waits already"),
        false => format!("enqueued {run} of {sync}; its next tick comes all the same"),
    });
}

async fn pause(config: &Config, db: &DatabaseConnection, name: &str, output: &Output) -> Result<Exit, Fault> {
    let known = service::of_sync(db, name).await?;
    let changed = service::pause(db, &config.caller(), &known).await?;
    let done =
        json!({ "schedule": known.row.id, "sync": known.sync.name, "paused": true, "changed": changed });
    tell_paused(&done, &known.sync.to_string(), output);
    Ok(Exit::Done)
}

/// Prints that a schedule is paused, or goes on.
pub(crate) fn tell_paused(done: &Value, sync: &str, output: &Output) {
    output.data(done);
    output.line(match (done["paused"] == true, done["changed"] == true) {
        (true, true) => {
            format!("the schedule of {sync} is paused; `syncline schedules resume {sync}` ends that")
        }
        (true, false) => format!("the schedule of {sync} was paused already"),
        (false, true) => format!("the schedule of {sync} goes on"),
        (false, false) => format!("the schedule of {sync} was not paused"),
    });
}

async fn resume(
    config: &Config,
    db: &DatabaseConnection,
    name: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let known = service::of_sync(db, name).await?;
    let changed = service::resume(db, &config.caller(), &known).await?;
    let done =
        json!({ "schedule": known.row.id, "sync": known.sync.name, "paused": false, "changed": changed });
    tell_paused(&done, &known.sync.to_string(), output);
    if pauses::is_paused(db, known.sync.id).await? {
        output.line(format!("the sync {0} itself is paused: syncline resume sync {0}", known.sync));
    }
    Ok(Exit::Done)
}

/// Lists schedules, the next to fire first.
async fn list(config: &Config, db: &DatabaseConnection, output: &Output) -> Result<Exit, Fault> {
    let mut rows = views(db, &config.caller()).await?;
    rows.sort_by_key(|row| (row.next_tick_at.is_none(), row.next_tick_at));
    let document = json!({ "schedules": rows });
    tell(&document, any_late(&document) && !workers::any(db).await?, output);
    Ok(Exit::Done)
}

/// True if a next tick is in the past.
pub(crate) fn any_late(document: &Value) -> bool {
    let late =
        |row: &Value| state(row) == "on" && moment(row, "next_tick_at").is_some_and(|at| at < Utc::now());
    entries(document, "schedules").iter().any(late)
}

/// Prints schedules. `stuck`: ticks are late because no worker runs.
pub(crate) fn tell(document: &Value, stuck: bool, output: &Output) {
    output.data(document);
    let rows = entries(document, "schedules");
    if rows.is_empty() {
        output.line("no schedules; `syncline apply -f FILE` stores a sync with one");
        return;
    }
    let when = |row: &Value| match (text(row, "kind").as_str(), text(row, "expression")) {
        ("interval", seconds) if seconds == "0" => "never".to_owned(),
        ("interval", seconds) => format!("every {seconds} s"),
        (_, expression) => expression,
    };
    let line = |row: &Value| {
        vec![
            sync_name(row),
            when(row),
            text(row, "timezone"),
            row["run_window"].as_str().unwrap_or("always").to_owned(),
            text(row, "missed_ticks"),
            state(row).to_owned(),
            moment(row, "next_tick_at").map(date).unwrap_or_default(),
            moment(row, "last_tick_at").map(date).unwrap_or_default(),
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
    output.table(&head, rows.iter().map(line).collect());
    if stuck {
        output.line(format!("next ticks are in the past: {}", workers::NONE));
    }
}

/// The state of a schedule in one word.
fn state(row: &Value) -> &'static str {
    match (row["enabled"] == true, row["paused"] == true, !row["next_tick_at"].is_null()) {
        (false, _, _) => "disabled",
        (true, true, _) => "paused",
        (true, false, false) => "none",
        (true, false, true) => "on",
    }
}
