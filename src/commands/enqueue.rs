//! `syncline enqueue`: accepts a run for any free worker.

use chrono::{SubsecRound, TimeDelta, Utc};
use serde_json::json;
use syncline_entity::types::RunKind;
use syncline_runs::holding::holding;
use syncline_service::{
    runs::{Enqueued, Request, enqueue},
    syncs,
};

use super::workers;
use crate::{
    app,
    cli::EnqueueArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    wait,
};

/// Accepts a run and prints its id.
pub(crate) async fn run(config: &Config, args: &EnqueueArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let sync = syncs::find(&db, &args.name).await?;
    let delay = args.delay.map(|delay| Utc::now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::zero()));
    let not_before = args.at.or(delay).map(|time| time.trunc_subsecs(6));
    let request = Request {
        kind: if args.kind == "plan" { RunKind::Plan } else { RunKind::Sync },
        args: wait::manual_args(&args.run),
        priority: args.priority,
        not_before,
        fixed_time: args.at.is_some(),
        id: None,
        waits_for_pauses: args.wait,
    };
    let queue = app::queue(config, &db)?;
    let Enqueued { id, joined, .. } = enqueue(&db, &queue, &config.caller(), &sync, &request).await?;
    // If the run waits for the end of a pause, the lack of a worker is not what delays it.
    let pause = holding(&db, &sync, &sync.to_string()).await?.map(|holding| holding.to_string());
    output.data(&json!({
        "run": id, "sync": sync.name, "project": sync.project, "joined": joined, "not_before": not_before, "pause": pause,
    }));
    output.line(match (joined, not_before) {
        (true, _) => format!("run {id} waits already and is joined"),
        (false, Some(time)) => {
            format!("run {id} is in the queue, for {}", time.format("%Y-%m-%d %H:%M:%S UTC"))
        }
        (false, None) if pause.is_some() => format!("run {id} is accepted"),
        (false, None) => format!("run {id} is in the queue"),
    });
    if let Some(pause) = pause {
        output.line(format!("it waits: {pause}"));
    } else if !workers::any(&db).await? {
        output.note(workers::NONE);
    }
    Ok(Exit::Done)
}
