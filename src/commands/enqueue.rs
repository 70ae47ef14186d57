//! `syncline enqueue`: a run for whichever worker is free.

use chrono::{SubsecRound, TimeDelta, Utc};
use serde_json::json;
use syncline_entity::types::RunKind;
use syncline_queue::outbox::{Accepted, NewRun, accept, holding::holding};

use super::workers;
use crate::{
    app,
    cli::EnqueueArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    syncs, wait,
};

/// Accepts a run and says which.
pub(crate) async fn run(config: &Config, args: &EnqueueArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let sync = syncs::find(&db, &args.name).await?;
    if !args.wait {
        syncs::refuse_paused(&db, &sync).await?;
    }
    let kind = if args.kind == "plan" { RunKind::Plan } else { RunKind::Sync };
    let run = wait::manual_run(&sync, kind, &args.run)?;
    let delay = args.delay.map(|delay| Utc::now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::zero()));
    let not_before = args.at.or(delay).map(|time| time.trunc_subsecs(6));
    let run = NewRun { priority: args.priority.unwrap_or(run.priority), not_before, ..run };
    let accepted = accept(&db, &app::queue(config, &db)?, &run).await?;
    let joined = matches!(accepted, Accepted::Joined(_));
    let id = accepted.id().ok_or_else(|| Fault::failed("the run was not accepted"))?;
    // It may wait for the end of a pause, and then no worker is what it lacks.
    let held = holding(&db, &sync, &sync.to_string()).await?.map(|holding| holding.to_string());
    output.data(&json!({
        "run": id, "sync": sync.name, "project": sync.project, "joined": joined, "not_before": not_before, "held": held,
    }));
    output.line(match (joined, not_before) {
        (true, _) => format!("run {id} waits already and is joined"),
        (false, Some(time)) => {
            format!("run {id} is in the queue, for {}", time.format("%Y-%m-%d %H:%M:%S UTC"))
        }
        (false, None) if held.is_some() => format!("run {id} is accepted"),
        (false, None) => format!("run {id} is in the queue"),
    });
    if let Some(held) = held {
        output.line(format!("it is held: {held}"));
    } else if !workers::any(&db).await? {
        output.note(workers::NONE);
    }
    Ok(Exit::Done)
}
