//! Runs of a server, listed and shown.

use std::{collections::BTreeSet, time::Duration};

use chrono::{SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use syncline_service::syncs::display_name;
use uuid::Uuid;

use super::{Client, syncs};
use crate::{
    cli::RunsArgs,
    commands::runs::{self as told, Line},
    fault::{Exit, Fault},
    ids,
    output::{Output, shown, text},
};

/// Runs among which the beginning of an id is looked for.
pub(super) const SEARCHED: u64 = 1_000;

/// A job or a run of the API, as the command's JSON has runs.
pub(super) fn document(job: &Value) -> Value {
    let mut run = json!({
        "run": job["id"], "sync": job["sync"], "project": job["project"], "kind": job["kind"], "trigger": job["method"],
        "status": job["status"], "success": job["success"], "duration_ms": job["duration_ms"],
        "queued_at": job["queued_at"], "started_at": job["started_at"], "completed_at": job["completed_at"],
        "error": job["error"],
    });
    for (name, number) in job["counts"].as_object().into_iter().flatten() {
        run[name] = number.clone();
    }
    if let Some(details) = job.get("details") {
        run["details"] = details.clone();
    }
    run
}

/// Lists runs, or shows one.
pub(super) async fn run(client: &Client, args: &RunsArgs, output: &Output) -> Result<Exit, Fault> {
    let mut query = vec![
        ("status", args.status.map(|status| status.to_string())),
        ("kind", args.kind.map(|kind| kind.to_string())),
        ("since", args.since.map(since)),
    ];
    if let Some(what) = &args.what {
        match syncs::look(client, what).await? {
            Some(sync) => query.push(("config_id", Some(sync["id"].to_string()))),
            None => match id(client, what).await? {
                Some(id) => return show(client, id, args.limit, output).await,
                None if ids::range(what).is_some() => {
                    return Err(Fault::usage(format!("there is no run {what}, and no sync of that name")));
                }
                // It is a name: the fault tells those that there are.
                None => return syncs::find(client, what).await.map(|_| Exit::Done),
            },
        }
    }
    let (runs, _) = client.pages(&["sync", "history"], &query, "runs", (args.limit, 200)).await?;
    let line = |run: &Value| Line { run: document(run), trigger: trigger(run), waits: None };
    told::tell(runs.iter().map(line).collect(), output);
    Ok(Exit::Done)
}

fn since(age: Duration) -> String {
    let since = Utc::now() - TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    since.trunc_subsecs(6).to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

pub(super) fn trigger(run: &Value) -> String {
    let method = text(run, "method");
    if method == "batch" { "schedule".to_owned() } else { method }
}

/// The latest runs.
pub(super) async fn latest(client: &Client, limit: u64) -> Result<Vec<Value>, Fault> {
    Ok(client.pages(&["sync", "history"], &[], "runs", (limit, 200)).await?.0)
}

/// The run whose id begins with this; none if it is no id of a run.
async fn id(client: &Client, prefix: &str) -> Result<Option<Uuid>, Fault> {
    let Some((first, last)) = ids::range(prefix) else { return Ok(None) };
    if first == last {
        return Ok(Some(first));
    }
    let runs = latest(client, SEARCHED).await?;
    let ids = runs.iter().filter_map(|run| text(run, "id").parse::<Uuid>().ok());
    ids::one(prefix, ids.filter(|id| (first..=last).contains(id)).collect::<BTreeSet<_>>())
}

/// Shows a run with its attempts and what it changed.
async fn show(client: &Client, id: Uuid, limit: u64, output: &Output) -> Result<Exit, Fault> {
    let id = id.to_string();
    let job: Value = client.get(&["sync", "history", &id], &[]).await?;
    let mut run = document(&job);
    let (changes, more) =
        client.pages(&["sync", "history", &id, "changes"], &[], "changes", (limit, 200)).await?;
    run["attempts"] = job["attempts"].clone();
    let (refused, happened): (Vec<&Value>, Vec<&Value>) =
        changes.iter().partition(|change| change["state"] == "not_written");
    run["changes"] = json!(happened);
    run["not_written"] = json!(refused);
    output.data(&run);
    if output.is_json() {
        return Ok(Exit::Done);
    }
    told::show::headed(&run, limit, output);
    told::show::tell_attempts(crate::output::list(&run, "attempts"), output);
    for (headline, changes) in [("changes", happened), ("tried and not written", refused)] {
        if changes.is_empty() {
            continue;
        }
        output.headline(headline);
        let line = |change: &&Value| {
            vec![
                text(change, "item"),
                text(change, "side"),
                change["field"].as_str().unwrap_or("(whole item)").to_owned(),
                shown(&change["before"]),
                shown(&change["after"]),
                text(change, "rule"),
                text(change, "state").replace('_', " "),
            ]
        };
        let head = ["item", "written to", "field", "before", "after", "rule", "state"];
        output.table(&head, changes.iter().map(line).collect());
    }
    if more {
        output.line("... and more (--limit)");
    }
    Ok(Exit::Done)
}

/// The name of a sync of the API, as commands take it.
pub(super) fn name(sync: &Value) -> String {
    display_name(&text(sync, "project"), &text(sync, "name"))
}
