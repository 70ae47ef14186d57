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
    output::{Output, bare, text},
};

/// Runs among which the beginning of an id is looked for.
pub(super) const SEARCHED: u64 = 1_000;

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
    let line = |run: &Value| Line { trigger: trigger(run), run: bare(run), waits: None };
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
    let mut run = bare(&job);
    let (changes, more) =
        client.pages(&["sync", "history", &id, "changes"], &[], "changes", (limit, 200)).await?;
    let open = [("config_id", Some(job["config_id"].to_string())), ("resolved", Some("false".to_owned()))];
    let (open, _) = client.pages(&["sync", "conflicts"], &open, "conflicts", (10_000, 200)).await?;
    run["open_conflicts"] = json!(open.iter().filter(|conflict| conflict["run"] == job["id"]).count());
    let (refused, happened): (Vec<Value>, Vec<Value>) =
        changes.into_iter().partition(|change| change["state"] == "not_written");
    for (key, found) in [("changes", happened), ("not_written", refused)] {
        run[format!("{key}_total")] = json!((!more).then_some(found.len()));
        run[key] = json!(found);
    }
    told::show::tell_whole(&run, limit, output);
    Ok(Exit::Done)
}

/// The name of a sync of the API, as commands take it.
pub(super) fn name(sync: &Value) -> String {
    display_name(&text(sync, "project"), &text(sync, "name"))
}
