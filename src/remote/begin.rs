//! Runs of a server: begun, and waited for.

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    Client, parts, places,
    refused::{Answer, refused},
    runs::name,
    syncs,
};
use crate::{
    cli::{EnqueueArgs, PlanArgs, RunOptions, SyncArgs},
    commands::{enqueue as told_enqueue, plan as told_plan, sync as told_sync, workers},
    fault::{Exit, Fault},
    output::{Output, bare, text},
    shutdown,
};

/// The longest wait of one request, in seconds; the server shortens a longer one.
pub(super) const WAIT: &str = "wait=20";

/// How long a server may be away while a run is waited for.
const AWAY: Duration = Duration::from_secs(60);

/// Runs a sync and waits for its end, which a worker of the server brings about.
pub(super) async fn sync(client: &Client, args: &SyncArgs, output: &Output) -> Result<Exit, Fault> {
    let sync = syncs::find(client, &args.name).await?;
    let run = to_end(client, &sync, "run", options(&args.run), args.wait, output).await?;
    Ok(told_sync::tell(&with_conflicts(client, &sync, run).await?, output))
}

/// Plans a stored sync, on a worker of the server.
pub(super) async fn plan(client: &Client, args: &PlanArgs, output: &Output) -> Result<Exit, Fault> {
    let Some(name) = &args.name else {
        return Err(Fault::usage(
            "a server plans stored syncs only: store the file with `enabled: false` in it (syncline apply FILE), so that nothing \
             runs by itself, and then `syncline plan NAME`; `syncline apply --dry-run FILE` says what the file would change \
             in the stored document. Where the database is, without --server, `plan -f` works",
        ));
    };
    let sync = syncs::find(client, name).await?;
    let run = to_end(client, &sync, "dry-run", options(&args.run), false, output).await?;
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
    let request = || client.request(Method::POST, &["jobs"], &[]);
    let (job, pause) = match begin(client, request, &mut body, args.wait).await? {
        Ok(begun) => begun,
        Err(answer) => {
            if matches!(answer.kind(), "unknown-sync" | "unknown-project") {
                // The fault has the names that are near, as on a database.
                syncs::find(client, &args.name).await?;
            }
            return Err(refused(client.address(), &answer));
        }
    };
    let mut accepted = bare(job);
    accepted["not_before"] = json!(not_before);
    accepted["pause"] = json!(pause);
    told_enqueue::tell(&accepted, output);
    // If the run waits for the end of a pause, the lack of a worker is not what delays it.
    if pause.is_none() && !places::any_worker(client).await? {
        output.note(workers::NONE);
    }
    Ok(Exit::Done)
}

/// Asks for a run. If a pause keeps it from beginning, it is asked for with the consent to wait if the caller `waits`; then
/// the pause is returned, too.
async fn begin(
    client: &Client,
    request: impl Fn() -> Result<RequestBuilder, Fault>,
    body: &mut Value,
    waits: bool,
) -> Result<Result<(Value, Option<String>), Answer>, Fault> {
    let answer = match client.answer(request()?.json(body)).await? {
        Ok(response) => return Ok(Ok((client.body(response).await?, None))),
        Err(answer) => answer,
    };
    match answer.pause() {
        Some(pause) if waits => {
            body["waits_for_pauses"] = json!(true);
            Ok(Ok((client.read(request()?.json(body)).await?, Some(pause))))
        }
        _ => Ok(Err(answer)),
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
    mut body: Value,
    waits: bool,
    output: &Output,
) -> Result<Value, Fault> {
    let id = sync["id"].to_string();
    let path = ["sync", "configs", &id, what];
    let request = || {
        // What waits for a pause is reported at once.
        let request = client.request(Method::POST, &path, &[])?;
        Ok(if waits { request } else { request.header("prefer", WAIT) })
    };
    // The server may take a while to answer: it waits for the run.
    let stop = shutdown::on_signals()?;
    let begun = stop.run_until_cancelled(begin(client, request, &mut body, waits)).await;
    let begun = begun.ok_or_else(|| {
        let name = name(sync);
        Fault::failed(format!(
            "interrupted; if the run was accepted, a worker will finish it: syncline runs {name}"
        ))
    })?;
    let (job, pause) = begun?.map_err(|answer| refused(client.address(), &answer))?;
    if let Some(pause) = pause {
        output.note(&pause);
    }
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
    let mut heard = Instant::now();
    while job["completed_at"].is_null() {
        if !told && let Ok(any) = places::any_worker(client).await {
            if !any {
                output.note(workers::NONE);
            }
            told = true;
        }
        let next = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.get::<Value>(&path, &[]).await
        };
        match stop.run_until_cancelled(next).await {
            Some(Ok(next)) => (job, heard) = (next, Instant::now()),
            // A server that is started anew meanwhile does not change the run.
            Some(Err(fault)) if fault.code == 1 && heard.elapsed() < AWAY => {}
            Some(Err(mut fault)) => {
                fault.message.push_str(&format!("; run {run} goes on meanwhile: syncline runs {run}"));
                return Err(fault);
            }
            None => {
                return Err(Fault::failed(format!(
                    "interrupted; run {run} stays in the queue and a worker will finish it"
                )));
            }
        }
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
