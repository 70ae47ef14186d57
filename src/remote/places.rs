//! Queues, workers, pauses, schedules and statistics of a server.

use std::collections::HashMap;

use serde_json::{Value, json};
use syncline_api::stats::Stats;

use super::{Client, accounts, parts, sync_query, syncs};
use crate::{
    cli::{
        PauseArgs, QueuesAction, QueuesArgs, SchedulesAction, SchedulesArgs, ScopeArg, StatsArgs,
        SubjectArgs, WorkersAction, WorkersArgs,
    },
    commands::{
        pauses as told_pauses, queues as told_queues, schedules as told_schedules, workers as told_workers,
    },
    fault::{Exit, Fault},
    output::{Output, list, text},
};

pub(super) async fn queues(client: &Client, args: &QueuesArgs, output: &Output) -> Result<Exit, Fault> {
    match &args.action {
        Some(QueuesAction::Scale(args)) => {
            let scale: Value = client.get(&["queues", &args.name, "scale"], &[]).await?;
            told_queues::tell_scale(&scale, output);
        }
        None | Some(QueuesAction::List) => told_queues::tell(&queues_document(client).await?, output),
    }
    Ok(Exit::Done)
}

/// The queues, as `syncline queues --json` shows them.
pub(crate) async fn queues_document(client: &Client) -> Result<Value, Fault> {
    client.get(&["queues"], &[]).await
}

pub(super) async fn workers(client: &Client, args: &WorkersArgs, output: &Output) -> Result<Exit, Fault> {
    if let Some(WorkersAction::Drain(args)) = &args.action {
        let done: Value = client.post(&["workers", &args.worker, "drain"], &json!({})).await?;
        told_workers::tell_drained(&done, &text(&done, "name"), "with its next heartbeat", output);
        return Ok(Exit::Done);
    }
    let document = workers_document(client).await?;
    // Leases matter for the workers that are silent.
    let silent = list(&document, "workers").iter().any(|worker| worker["standing"] == "silent");
    let leased = if silent { leased(client).await? } else { HashMap::new() };
    told_workers::tell(&document, &leased, output);
    Ok(Exit::Done)
}

/// The workers, as `syncline workers --json` shows them. Of a worker on another machine a dead process is not known: it is
/// silent.
pub(crate) async fn workers_document(client: &Client) -> Result<Value, Fault> {
    let answer: Value = client.get(&["workers"], &[]).await?;
    Ok(json!({ "workers": list(&answer, "workers") }))
}

/// True if a worker that takes any job is running.
pub(super) async fn any_worker(client: &Client) -> Result<bool, Fault> {
    let answer: Value = client.get(&["workers"], &[]).await?;
    let serves =
        |worker: &Value| worker["live"] == true && matches!(worker["role"].as_str(), Some("up" | "worker"));
    Ok(list(&answer, "workers").iter().any(serves))
}

async fn leased(client: &Client) -> Result<HashMap<String, usize>, Fault> {
    let running = [("status", Some("in_progress".to_owned()))];
    let (jobs, _) = client.pages(&["jobs"], &running, "jobs", (10_000, 1_000)).await?;
    let mut leased = HashMap::new();
    for worker in jobs.iter().filter_map(|job| job["worker"].as_str()) {
        *leased.entry(worker.to_owned()).or_default() += 1;
    }
    Ok(leased)
}

pub(super) async fn pauses(client: &Client, output: &Output) -> Result<Exit, Fault> {
    told_pauses::tell(&client.get(&["pauses"], &[]).await?, output);
    Ok(Exit::Done)
}

pub(super) async fn pause(client: &Client, args: &PauseArgs, output: &Output) -> Result<Exit, Fault> {
    let body = json!({ "reason": args.reason });
    let done = change(client, &args.subject, "pause", &body).await?;
    told_pauses::tell_paused(&args.subject, done["changed"] == true, output);
    Ok(Exit::Done)
}

pub(super) async fn resume(client: &Client, args: &SubjectArgs, output: &Output) -> Result<Exit, Fault> {
    let done = change(client, args, "resume", &json!({})).await?;
    told_pauses::tell_resumed(args, done["changed"] == true, output);
    Ok(Exit::Done)
}

async fn change(client: &Client, subject: &SubjectArgs, what: &str, body: &Value) -> Result<Value, Fault> {
    let name = &subject.name;
    match subject.scope {
        ScopeArg::Queue => client.post(&["queues", name, what], body).await,
        ScopeArg::Sync => {
            let id = syncs::find(client, name).await?["id"].to_string();
            client.post(&["sync", "configs", &id, what], body).await
        }
        ScopeArg::Account => {
            let id = accounts::text_of(&accounts::find(client, name).await?);
            client.post(&["accounts", &id, what], body).await
        }
        ScopeArg::Platform => client.post(&["platforms", name, what], body).await,
    }
}

pub(super) async fn schedules(client: &Client, args: &SchedulesArgs, output: &Output) -> Result<Exit, Fault> {
    let (sync, what) = match &args.action {
        None | Some(SchedulesAction::List) => {
            let document = schedules_document(client).await?;
            let stuck = told_schedules::any_late(&document) && !any_worker(client).await?;
            told_schedules::tell(&document, stuck, output);
            return Ok(Exit::Done);
        }
        Some(SchedulesAction::Run(args)) => (&args.sync, "run"),
        Some(SchedulesAction::Pause(args)) => (&args.sync, "pause"),
        Some(SchedulesAction::Resume(args)) => (&args.sync, "resume"),
    };
    let answer: Value = client.get(&["schedules"], &[]).await?;
    let (project, name) = parts(sync);
    let schedules = list(&answer, "schedules");
    let found = schedules.iter().find(|row| row["sync"] == name && row["project"] == project);
    let Some(found) = found else {
        // Names what is wrong with the name, if that is it.
        syncs::find(client, sync).await?;
        return Err(Fault::usage(format!("the sync {sync} has no schedule")));
    };
    let id = found["id"].to_string();
    let mut done: Value = client.post(&["schedules", &id, what], &json!({})).await?;
    done["schedule"] = found["id"].clone();
    done["sync"] = found["sync"].clone();
    if what == "run" {
        told_schedules::tell_run(&done, sync, output);
        if !any_worker(client).await? {
            output.line(told_workers::NONE);
        }
    } else {
        told_schedules::tell_paused(&done, sync, output);
    }
    Ok(Exit::Done)
}

/// The schedules, as `syncline schedules --json` shows them: the next to fire first.
async fn schedules_document(client: &Client) -> Result<Value, Fault> {
    let answer: Value = client.get(&["schedules"], &[]).await?;
    let mut rows = list(&answer, "schedules").to_vec();
    rows.sort_by_key(|row| (row["next_tick_at"].is_null(), crate::output::moment(row, "next_tick_at")));
    Ok(json!({ "schedules": rows }))
}

/// The statistics for these arguments.
pub(crate) async fn stats(client: &Client, args: &StatsArgs) -> Result<Stats, Fault> {
    let mut query = sync_query(args.sync.as_deref()).to_vec();
    query.push(("platform", args.platform.clone()));
    query.push(("entity_type", args.entity_type.clone()));
    query.push(("window", Some(args.window.clone())));
    client.get(&["sync", "stats"], &query).await
}
