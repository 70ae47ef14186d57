//! `syncline workers`: the processes that run jobs on this database.

use serde_json::json;
use syncline_worker::registry::{self, Registered};

use crate::{
    app,
    fault::{Exit, Fault},
    output::Output,
};

/// Lists them.
pub(crate) async fn run(url: &str, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url).await?;
    let workers = registry::all(&db).await?;
    output.data(&json!({ "workers": workers }));
    if workers.is_empty() {
        output.line("no workers are registered; `syncline worker` or `syncline up` runs jobs");
        return Ok(Exit::Done);
    }
    let head = ["worker", "command", "state", "running", "version", "since (UTC)", "last heartbeat"];
    output.table(&head, workers.iter().map(line).collect());
    Ok(Exit::Done)
}

fn line(worker: &Registered) -> Vec<String> {
    vec![
        format!("{} on {}", worker.pid, worker.host),
        worker.role.clone(),
        worker.standing.as_str().to_owned(),
        format!("{} of {}", worker.running, worker.concurrency),
        worker.version.clone(),
        worker.since.format("%Y-%m-%d %H:%M:%S").to_string(),
        format!("{} s ago", worker.silent_ms / 1000),
    ]
}
