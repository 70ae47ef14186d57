//! `syncline stats rebuild`: counts the statistics again.

use chrono::{DateTime, Utc};
use sea_orm::DatabaseConnection;
use serde::Serialize;
use serde_json::json;
use syncline_api::stats::Window;
use syncline_runs::catch_up;
use syncline_service::syncs;
use syncline_upkeep::stats::{Rebuilt, fold_slots, rebuild, recount};

use crate::{
    cli::RebuildArgs,
    commands::audit,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Most runs that one call adds to the statistics.
const AT_ONCE: u64 = 10_000;

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Done {
    /// Ended runs that were missing from the statistics.
    caught_up: u64,
    syncs: Vec<SyncDone>,
}

#[derive(Debug, Serialize)]
struct SyncDone {
    sync: String,
    project: String,
    #[serde(flatten)]
    runs: Rebuilt,
    /// Counts of links and open conflicts that were wrong.
    counts_corrected: u64,
}

/// Rebuilds the statistics and prints the corrections.
pub(super) async fn run(
    config: &Config,
    db: &DatabaseConnection,
    args: &RebuildArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    let since = args.since.as_deref().map(since).transpose()?.flatten();
    let syncs = match &args.sync {
        Some(name) => vec![syncs::find(db, name).await?.named()],
        None => {
            let mut all: Vec<_> = syncs::all(db).await?.into_values().collect();
            all.retain(|sync| sync.deleted_at.is_none());
            all.sort_by_key(|sync| sync.id);
            all
        }
    };
    let mut done = Done { caught_up: 0, syncs: Vec::with_capacity(syncs.len()) };
    loop {
        let added = catch_up(db, AT_ONCE).await?;
        done.caught_up += added;
        if added < AT_ONCE {
            break;
        }
    }
    for sync in syncs {
        let runs = rebuild(db, sync.id, since).await?;
        let counts_corrected = recount(db, sync.id).await?;
        let (sync, project) = (sync.row.name, sync.project);
        done.syncs.push(SyncDone { sync, project, runs, counts_corrected });
    }
    fold_slots(db).await?;
    let syncs: Vec<&str> = done.syncs.iter().map(|sync| sync.sync.as_str()).collect();
    let after = json!({ "syncs": syncs, "since": args.since, "caught_up": done.caught_up });
    audit::note(config, db, ("stats.rebuild", "statistics"), after, output).await;
    output.data(&done);
    tell(&done, output);
    Ok(Exit::Done)
}

fn since(text: &str) -> Result<Option<DateTime<Utc>>, Fault> {
    let window: Window = text.parse().map_err(|error| Fault::usage(format!("--since: {error}")))?;
    match window {
        Window::All => Err(Fault::usage("--since all: leave it out to go as far back as history does")),
        window => Ok(window.since(Utc::now())),
    }
}

fn tell(done: &Done, output: &Output) {
    if done.caught_up > 0 {
        output.line(format!("{} runs had ended without the statistics and were added.", done.caught_up));
    }
    let head = ["sync", "runs", "since", "corrected", "kept", "counts corrected"];
    let rows = done.syncs.iter().map(|sync| {
        vec![
            sync.sync.clone(),
            sync.runs.runs.to_string(),
            sync.runs.from.map(|from| from.format("%F %R").to_string()).unwrap_or_default(),
            sync.runs.corrected.to_string(),
            sync.runs.kept.to_string(),
            sync.counts_corrected.to_string(),
        ]
    });
    output.table(&head, rows.collect());
}
