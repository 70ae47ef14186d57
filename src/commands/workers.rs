//! `syncline workers`: the processes that run jobs on this database.

use std::collections::HashMap;

use sea_orm::DatabaseConnection;
use serde_json::json;
use syncline_runs::listing::{self, Listing, Standing};
use syncline_service::workers as service;
use syncline_worker::roster::{self, Liveness, Registered};

use crate::{
    app,
    cli::{WorkersAction, WorkersArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words::age,
};

/// The message if there is no worker, with the remedy.
pub(super) const NONE: &str =
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
    let workers = roster::all(&db).await?;
    let leased = leased(config, &db).await?;
    output.data(&json!({ "workers": workers }));
    if workers.is_empty() {
        output.line("no workers are registered; `syncline worker` or `syncline up` runs jobs");
        return Ok(Exit::Done);
    }
    let head = ["worker", "command", "state", "running", "version", "since (UTC)", "heartbeat"];
    output.table(&head, workers.iter().map(|worker| line(worker, &leased)).collect());
    Ok(Exit::Done)
}

/// Asks a worker to end.
async fn drain(
    config: &Config,
    db: &DatabaseConnection,
    which: &str,
    output: &Output,
) -> Result<Exit, Fault> {
    let (worker, asked) = service::drain(db, &config.caller(), which).await?;
    output.data(&json!({ "id": worker.id, "worker": worker.name, "draining": true, "changed": asked }));
    let shown = format!("{} on {}", worker.pid, worker.host);
    output.line(if asked {
        format!(
            "the worker {shown} ends when its jobs have ended; it hears of this within {} s",
            worker.beat_ms / 1000
        )
    } else {
        format!("the worker {shown} was asked to end already")
    });
    Ok(Exit::Done)
}

/// How many jobs each worker has leased by the queue's count: those of a dead worker stay until their leases expire.
async fn leased(config: &Config, db: &DatabaseConnection) -> Result<HashMap<String, usize>, Fault> {
    let queue = app::queue(config, db)?;
    let mut leased = HashMap::new();
    let mut asked = Listing::new(Standing::Running);
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

fn line(worker: &Registered, leased: &HashMap<String, usize>) -> Vec<String> {
    let running = match worker.standing {
        Liveness::Dead | Liveness::Silent => {
            let leased = leased.get(&worker.name).copied().unwrap_or(0);
            format!("leased {leased} of {}", worker.concurrency)
        }
        Liveness::Live | Liveness::Stopping => {
            format!("{} of {}", worker.running, worker.concurrency)
        }
    };
    vec![
        format!("{} on {}", worker.pid, worker.host),
        worker.role.clone(),
        worker.standing.as_str().to_owned(),
        running,
        worker.version.clone(),
        worker.since.format("%Y-%m-%d %H:%M:%S").to_string(),
        format!("{} ago", age(std::time::Duration::from_millis(worker.silent_ms.unsigned_abs()))),
    ]
}
