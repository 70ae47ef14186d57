//! `syncline enqueue`: accepts a run for any free worker.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};
use syncline_api::routes::jobs::{JobKind, accepted};
use syncline_entity::types::RunKind;
use syncline_runs::holding::holding;
use syncline_service::{
    runs::{Request, enqueue},
    syncs,
};

use super::workers;
use crate::{
    app,
    cli::EnqueueArgs,
    config::Config,
    fault::{Exit, Fault},
    output::{Output, bare, moment, text},
    wait,
};

/// Accepts a run and prints its id.
pub(crate) async fn run(config: &Config, args: &EnqueueArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let sync = syncs::find(&db, &args.name).await?;
    let not_before = not_before(args);
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
    let enqueued = enqueue(&db, &queue, &config.caller(), &sync, &request).await?;
    // If the run waits for the end of a pause, the lack of a worker is not what delays it.
    let pause = holding(&db, &sync, &sync.to_string()).await?.map(|holding| holding.to_string());
    let kind = if request.kind == RunKind::Plan { JobKind::Plan } else { JobKind::Sync };
    let mut job = bare(accepted("", sync.name.clone(), sync.project.clone(), kind, &enqueued));
    job["not_before"] = json!(not_before);
    job["pause"] = json!(pause);
    tell(&job, output);
    if pause.is_none() && !workers::any(&db).await? {
        output.note(workers::NONE);
    }
    Ok(Exit::Done)
}

/// When a run may begin, by the arguments.
pub(crate) fn not_before(args: &EnqueueArgs) -> Option<DateTime<Utc>> {
    let delay = args.delay.map(|delay| Utc::now() + TimeDelta::from_std(delay).unwrap_or(TimeDelta::zero()));
    args.at.or(delay).map(|time| time.trunc_subsecs(6))
}

/// Prints an accepted run.
pub(crate) fn tell(accepted: &Value, output: &Output) {
    output.data(accepted);
    let run = text(accepted, "id");
    let pause = accepted["pause"].as_str();
    output.line(match (accepted["joined"] == true, moment(accepted, "not_before")) {
        (true, _) => format!("run {run} waits already and is joined"),
        (false, Some(time)) => {
            format!("run {run} is in the queue, for {}", time.format("%Y-%m-%d %H:%M:%S UTC"))
        }
        (false, None) if pause.is_some() => format!("run {run} is accepted"),
        (false, None) => format!("run {run} is in the queue"),
    });
    if let Some(pause) = pause {
        output.line(format!("it waits: {pause}"));
    }
}
