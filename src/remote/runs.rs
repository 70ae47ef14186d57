//! Runs of a server: begun, waited for and listed.

use std::{collections::BTreeSet, time::Duration};

use chrono::{SubsecRound, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use syncline_service::syncs::display_name;
use uuid::Uuid;

use super::{Client, parts, places, syncs};
use crate::{
    cli::{EnqueueArgs, PlanArgs, RunOptions, RunsArgs, SyncArgs},
    commands::{
        enqueue as told_enqueue, plan as told_plan,
        runs::{self as told, Line},
        sync as told_sync, workers,
    },
    fault::{Exit, Fault},
    ids,
    output::{Output, bare, text},
    shutdown,
};

/// Runs among which the beginning of an id is looked for.
pub(super) const SEARCHED: u64 = 1_000;
/// The longest wait of one request, in seconds; the server shortens a longer one.
pub(super) const WAIT: &str = "wait=20";

/// Runs a sync and waits for its end, which a worker of the server brings about.
pub(super) async fn sync(client: &Client, args: &SyncArgs, output: &Output) -> Result<Exit, Fault> {
    refuse_wait(args.wait)?;
    let sync = syncs::find(client, &args.name).await?;
    let run = to_end(client, &sync, "run", &options(&args.run), output).await?;
    Ok(told_sync::tell(&with_conflicts(client, &sync, run).await?, output))
}

/// Plans a stored sync, on a worker of the server.
pub(super) async fn plan(client: &Client, args: &PlanArgs, output: &Output) -> Result<Exit, Fault> {
    let Some(name) = &args.name else {
        return Err(Fault::usage(
            "a server plans stored syncs: syncline plan NAME; `syncline apply --dry-run FILE` says what a file would change",
        ));
    };
    let sync = syncs::find(client, name).await?;
    let run = to_end(client, &sync, "dry-run", &options(&args.run), output).await?;
    let details = &run["details"];
    if details["plan"].is_null() {
        return Err(Fault::failed(format!(
            "the plan of {name} is {}: {}",
            text(&run, "status"),
            run["error"].as_str().unwrap_or("it has no plan")
        )));
    }
    let open = open_conflicts(client, &sync["id"]).await?;
    let document = json!({
        "sync": sync["name"], "project": sync["project"], "plan": details["plan"], "held": details["held"],
        "open_conflicts": open, "warnings": [],
    });
    output.data(&document);
    Ok(told_plan::tell(&document, args.limit, output))
}

/// Puts a run in the queue.
pub(super) async fn enqueue(client: &Client, args: &EnqueueArgs, output: &Output) -> Result<Exit, Fault> {
    refuse_wait(args.wait)?;
    let (project, name) = parts(&args.name);
    let mut body = options(&args.run);
    body["sync"] = json!(name);
    body["project"] = json!(project);
    body["kind"] = json!(args.kind);
    let not_before = told_enqueue::not_before(args);
    for (key, value) in [
        ("priority", json!(args.priority.map(|priority| priority.as_str()))),
        ("not_before", json!(args.at)),
        ("delay", json!(args.delay.map(|delay| delay.as_secs()))),
    ] {
        if !value.is_null() {
            body[key] = value;
        }
    }
    let job: Value = client.post(&["jobs"], &body).await?;
    let mut accepted = bare(job);
    accepted["not_before"] = json!(not_before);
    accepted["pause"] = Value::Null;
    told_enqueue::tell(&accepted, output);
    if !places::any_worker(client).await? {
        output.note(workers::NONE);
    }
    Ok(Exit::Done)
}

fn refuse_wait(wait: bool) -> Result<(), Fault> {
    match wait {
        true => Err(Fault::usage(
            "--wait does not work against a server yet: end the pause first (syncline pauses), or run the command where the \
             database is",
        )),
        false => Ok(()),
    }
}

/// The options of a run as the API takes them.
fn options(args: &RunOptions) -> Value {
    let mut body = json!({
        "full": args.full, "confirm_deletes": args.confirm_deletes, "allow_deletes_of": args.allow_deletes_of,
    });
    if let Some(count) = args.allow_deletes {
        body["allow_deletes"] = json!(count);
    }
    if !args.items.is_empty() {
        body["items"] = json!({ "side": args.side.as_deref().unwrap_or("source"), "ids": args.items });
    }
    body
}

/// Begins a run and waits for its end. A run that was asked for stays in the queue if the wait is interrupted.
async fn to_end(
    client: &Client,
    sync: &Value,
    what: &str,
    body: &Value,
    output: &Output,
) -> Result<Value, Fault> {
    let id = sync["id"].to_string();
    let request = client.request(Method::POST, &["sync", "configs", &id, what], &[])?;
    let job: Value = client.read(request.header("prefer", WAIT).json(body)).await?;
    // An accepted run is short, a run that is over is whole.
    match job["completed_at"].is_null() {
        true => wait(client, &text(&job, "id"), output).await,
        false => Ok(bare(job)),
    }
}

/// Waits for the end of a run.
pub(super) async fn wait(client: &Client, run: &str, output: &Output) -> Result<Value, Fault> {
    let stop = shutdown::on_signals()?;
    let path = ["jobs", run];
    let mut job: Value = client.get(&path, &[]).await?;
    let mut told = false;
    while job["completed_at"].is_null() {
        if !told && !places::any_worker(client).await? {
            output.note(workers::NONE);
        }
        told = true;
        let next = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.get::<Value>(&path, &[]).await
        };
        job = stop.run_until_cancelled(next).await.unwrap_or_else(|| {
            Err(Fault::failed(format!(
                "interrupted; run {run} stays in the queue and a worker will finish it"
            )))
        })?;
    }
    Ok(bare(job))
}

/// The number of open conflicts of the sync with this id.
pub(super) async fn open_conflicts(client: &Client, sync: &Value) -> Result<u64, Fault> {
    let query = [("config_id", Some(sync.to_string()))];
    let groups: Value = client.get(&["sync", "conflicts", "groups"], &query).await?;
    Ok(crate::output::list(&groups, "groups").iter().filter_map(|group| group["conflicts"].as_u64()).sum())
}

async fn with_conflicts(client: &Client, sync: &Value, mut run: Value) -> Result<Value, Fault> {
    run["open_conflicts"] = json!(open_conflicts(client, &sync["id"]).await?);
    Ok(run)
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
    let line = |run: &Value| Line { trigger: trigger(run), run: bare(run), waits: None };
    told::tell(runs.iter().map(line).collect(), output);
    Ok(Exit::Done)
}

fn since(age: Duration) -> String {
    let since = Utc::now() - TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    since.trunc_subsecs(6).to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn trigger(run: &Value) -> String {
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
