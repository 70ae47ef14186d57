//! `syncline workers`: the processes that run jobs on this database.

use std::{collections::HashMap, time::Duration};

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::workers::{WorkerView, view};
use syncline_entity::worker;
use syncline_runs::listing::{self, Listing, Standing};
use syncline_service::workers as service;
use syncline_worker::roster::{self, Liveness, Registered};

use crate::{
    app,
    cli::{WorkersAction, WorkersArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, moment, text},
    words::age,
};

/// The message if there is no worker, with the remedy.
pub(crate) const NONE: &str =
    "no worker is running, so nothing is carried out; start one with `syncline up` or `syncline worker`";

/// True if a worker that takes any job is running.
pub(super) async fn any(db: &DatabaseConnection) -> Result<bool, Fault> {
    // The commands `sync` and `conflicts resolve` have a worker for their own run only.
    let serves = |worker: &Registered| matches!(worker.role.as_str(), "up" | "worker");
    Ok(roster::live(db).await?.iter().any(serves))
}

pub(crate) async fn run(config: &Config, args: &WorkersArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    if let Some(WorkersAction::Drain(args)) = &args.action {
        return drain(config, &db, &args.worker, output).await;
    }
    tell(&document(&db).await?, &leased(config, &db).await?, output);
    Ok(Exit::Done)
}

/// The workers as JSON.
pub(crate) async fn document(db: &DatabaseConnection) -> Result<Value, Fault> {
    let mut workers: Vec<WorkerView> = worker::all(db).await?.into_iter().map(view).collect();
    for worker in workers.iter_mut().filter(|worker| roster::is_dead(&worker.name)) {
        worker.standing = Liveness::Dead.as_str();
    }
    Ok(json!({ "workers": workers }))
}

/// Prints workers; `leased` has the number of leased jobs by the worker's name.
pub(crate) fn tell(document: &Value, leased: &HashMap<String, usize>, output: &Output) {
    output.data(document);
    let workers = list(document, "workers");
    if workers.is_empty() {
        output.line("no workers are registered; `syncline worker` or `syncline up` runs jobs");
        return;
    }
    let head = ["worker", "command", "state", "running", "version", "since (UTC)", "heartbeat"];
    output.table(&head, workers.iter().map(|worker| line(worker, leased)).collect());
}

/// Asks a worker to end.
async fn drain(
    config: &Config,
    db: &DatabaseConnection,
    which: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let (worker, asked) = service::drain(db, &config.caller(), which).await?;
    let done = json!({ "id": worker.id, "name": worker.name, "draining": true, "changed": asked });
    let shown = format!("{} on {}", worker.pid, worker.host);
    tell_drained(&done, &shown, &format!("within {} s", worker.beat_ms / 1000), output);
    Ok(Exit::Done)
}

/// Prints that a worker was asked to end.
pub(crate) fn tell_drained(done: &Value, shown: &str, soon: &str, output: &Output) {
    output.data(done);
    output.line(if done["changed"] == true {
        format!("the worker {shown} ends when its jobs have ended; it hears of this {soon}")
    } else {
        format!("the worker {shown} was asked to end already")
    });
}

/// How many jobs each worker has leased by the queue's count: those of a dead worker stay until their leases expire.
async fn leased(config: &Config, db: &DatabaseConnection) -> Result<HashMap<String, usize>, Fault> {
    let queue = app::queue(config, db)?;
    let mut leased = HashMap::new();
    let mut asked = Listing::new(Standing::InProgress);
    loop {
        // The command lists workers; it must work even if the queue is unreachable.
        let Ok(page) = listing::list(db, &queue, &asked).await else { return Ok(leased) };
        for worker in page.jobs.into_iter().filter_map(|job| job.worker) {
            *leased.entry(worker).or_default() += 1;
        }
        match page.next {
            Some(next) => asked.after = Some(next),
            None => return Ok(leased),
        }
    }
}

fn line(worker: &Value, leased: &HashMap<String, usize>) -> Vec<String> {
    let standing = text(worker, "standing");
    let running = match standing.as_str() {
        "dead" | "silent" => {
            let leased = leased.get(&text(worker, "name")).copied().unwrap_or(0);
            format!("leased {leased} of {}", worker["concurrency"])
        }
        _ => format!("{} of {}", worker["running"], worker["concurrency"]),
    };
    let since = moment(worker, "since").map(|since| since.format("%Y-%m-%d %H:%M:%S").to_string());
    let silent = Duration::from_millis(worker["silent_ms"].as_u64().unwrap_or(0));
    vec![
        format!("{} on {}", worker["pid"], text(worker, "host")),
        text(worker, "role"),
        standing,
        running,
        text(worker, "version"),
        since.unwrap_or_default(),
        format!("{} ago", age(silent)),
    ]
}
