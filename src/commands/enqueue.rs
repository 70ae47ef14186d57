//! `syncline enqueue`: a run for whichever worker is free.

use serde_json::json;
use syncline_entity::types::RunKind;
use syncline_queue::outbox::{Accepted, NewRun, accept};

use crate::{
    app::{self, Schema},
    cli::EnqueueArgs,
    fault::{Exit, Fault},
    output::Output,
    syncs, wait,
};

/// Accepts a run and says which.
pub(crate) async fn run(url: &str, args: &EnqueueArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(url, Schema::CreateOnly).await?;
    let config = syncs::find(&db, &args.name).await?;
    let kind = if args.kind == "plan" { RunKind::Plan } else { RunKind::Sync };
    let run = wait::manual_run(&config, kind, &args.run)?;
    let run = NewRun { priority: args.priority.unwrap_or(run.priority), ..run };
    let accepted = accept(&db, &app::queue(&db)?, &run).await?;
    let joined = matches!(accepted, Accepted::Joined(_));
    let id = accepted.id().ok_or_else(|| Fault::failed("the run was not accepted"))?;
    output.data(&json!({ "run": id, "sync": config.name, "joined": joined }));
    output.line(if joined {
        format!("run {id} waits already and is joined")
    } else {
        format!("run {id} is in the queue")
    });
    Ok(Exit::Done)
}
