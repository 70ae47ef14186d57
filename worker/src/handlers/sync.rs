//! A sync: read, plan, apply, record.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde_json::json;
use syncline_engine::{
    run::{Options, Report, Run, Scope},
    side::Pair,
    spec::SyncSpec,
};
use syncline_entity::{
    sync_config,
    types::{RunKind, RunStatus, SyncMethod},
};
use syncline_queue::LeasedJob;
use syncline_runs::{Begun, Ending, NewRun, RunArgs, accept};
use syncline_upkeep::restore;

use super::{failure::Failure, run::LeaseLeave};
use crate::{
    environment::Environment,
    gate::Calls,
    open::OpenSync,
    steps::{Progress, RunObserver},
    store::{LinkStore, RunIdentity, SyncIdentity},
};

/// How often a long run's displayed progress is updated.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn execute(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    config: &sync_config::Model,
    spec: SyncSpec,
    calls: &Calls,
) -> Result<(), Failure> {
    let began = std::time::Instant::now();
    let leave = LeaseLeave(leased.lease.clone());
    let context = calls.context(&leave, environment.clock.now());
    let open = environment.opener().open(spec, config.revision, &context).await?;
    let observer = Arc::new(RunObserver { stop_at: environment.stop_at.clone(), progress: Arc::default() });
    let store = store(environment, begun, config, &open, observer.clone());
    let restored = restore::restored_since(&environment.db, config, environment.clock.now()).await?;
    let parts = Parts { open: &open, calls, store: &store, leave: &leave, observer: &observer };
    let run = run(environment, begun, parts, restored)?;
    let report = tokio::select! {
        report = run.execute() => report?,
        never = show_progress(leased, &observer.progress) => match never {},
    };
    let (status, error) = verdict(&report);
    metrics(config, &report, status, began.elapsed());
    tracing::info!(
        sync = config.name,
        synced = report.counts.synced,
        failed = report.counts.failed,
        conflicts = report.counts.conflicts,
        seconds = began.elapsed().as_secs_f64(),
        "the run is over"
    );
    let restore_over = restored.filter(|_| is_whole(&report));
    let is_of_single_items = run.options.scope != Scope::All;
    let ending = Ending {
        status,
        outcome: "done",
        error,
        dead: None,
        report: Some(&report),
        calls: calls.meter.requests(),
        plan: None,
        restore_over,
    };
    if !environment.run_book().end(begun, ending).await? {
        return Err(Failure::LeaseLost);
    }
    if is_of_single_items && report.left_for_whole_run > 0 {
        look_at_everything(environment, begun, config).await;
    }
    Ok(())
}

/// Requests a run of the whole sync: a run of single items found some of them gone, and may not act on that. If the
/// request fails, the next scheduled run finds the marks.
async fn look_at_everything(environment: &Environment, begun: &Begun, config: &sync_config::Model) {
    let run = match NewRun::of(config, RunKind::Sync, begun.row.sync_type) {
        // Reading from a cursor does not show which items are gone.
        Ok(run) => NewRun { args: RunArgs { full: true, ..RunArgs::default() }, ..run },
        Err(error) => return tracing::warn!(sync = config.name, %error, "unreadable document"),
    };
    if let Err(error) = accept(&environment.db, &environment.queue, &run).await {
        tracing::warn!(sync = config.name, %error, "a run of the whole sync could not be asked for");
    }
}

/// The parts of a run.
pub(super) struct Parts<'a> {
    pub(super) open: &'a OpenSync,
    pub(super) calls: &'a Calls,
    pub(super) store: &'a LinkStore,
    pub(super) leave: &'a LeaseLeave,
    pub(super) observer: &'a RunObserver,
}

/// Builds the engine's run from its parts and the worker's environment.
pub(super) fn run<'a>(
    environment: &'a Environment,
    begun: &Begun,
    Parts { open, calls, store, leave, observer }: Parts<'a>,
    restored: Option<DateTime<Utc>>,
) -> Result<Run<'a>, Failure> {
    let args: RunArgs = serde_json::from_value(begun.row.args.clone())
        .map_err(|error| Failure::Lasting(format!("the run's arguments: {error}")))?;
    let asked = begun.row.sync_type == SyncMethod::Manual;
    // Consent given before the restore was given for another state of the database.
    let agreed = restored.is_none_or(|since| begun.row.queued_at >= since);
    let options = Options {
        full: args.reads_everything(),
        by_person: asked,
        confirm_deletes: args.confirm_deletes && agreed,
        approved_deletes: args.allow_deletes.filter(|_| agreed),
        approved_items: if agreed { args.allow_deletes_of.clone() } else { Vec::new() },
        // After a restore every item is checked, even one that waits for its retry.
        retry_now: asked || restored.is_some(),
        scope: args.scope(),
        after_restore: restored.is_some(),
    };
    Ok(Run {
        spec: &open.spec,
        mapping: &open.mapping,
        places: Pair::new(&*open.places.source, &*open.places.target),
        gates: calls.gates(),
        store,
        clock: &*environment.clock,
        leave,
        meter: &calls.meter,
        observer,
        options,
    })
}

/// Creates the store of the sync's links, for this run.
pub(super) fn store(
    environment: &Environment,
    begun: &Begun,
    config: &sync_config::Model,
    open: &OpenSync,
    observer: Arc<RunObserver>,
) -> LinkStore {
    LinkStore {
        db: environment.db.clone(),
        run: RunIdentity { id: begun.row.run_uid, fence: begun.row.fence, method: begun.row.sync_type },
        sync: SyncIdentity {
            project_id: config.project_id,
            config_id: config.id,
            entity_type: open.spec.entity_type.clone(),
            direction: config.direction.into(),
            platforms: [open.spec.source_platform.clone(), open.spec.target_platform.clone()],
        },
        intended: Mutex::default(),
        open_intents: Mutex::new(Some(begun.open_intents.clone())),
        origin: std::sync::OnceLock::new(),
        clock: environment.clock.clone(),
        observer,
    }
}

/// Copies the progress of a run to its job until the run ends.
async fn show_progress(leased: &LeasedJob, progress: &Progress) -> std::convert::Infallible {
    let mut shown = (0, 0);
    loop {
        tokio::time::sleep(PROGRESS_EVERY).await;
        let (done, total) = progress.get();
        if (done, total) != shown {
            shown = (done, total);
            if let Err(error) = leased.lease.progress(&json!({ "done": done, "total": total })).await {
                tracing::debug!(%error, "progress not shown");
            }
        }
    }
}

/// True if a run read both sides in full and no item was ambiguous.
fn is_whole(report: &Report) -> bool {
    report.held.is_none() && report.complete == Pair::new(true, true) && report.ambiguous == 0
}

/// Returns the status of a run, and why it was held. A held run wrote nothing and is over: it does not wait for
/// consent; the next run asks again.
fn verdict(report: &Report) -> (RunStatus, Option<String>) {
    match &report.held {
        Some(held) if held.after_restore => {
            let text = format!(
                "held: Syncline's database was restored to an older state, so nothing is deleted unasked; {} of {} items \
                 would be deleted ({} are gone from the source, {} from the target). If that is right, run the sync with \
                 --allow-deletes {}, or name them with --allow-delete ID",
                held.deletes, held.links, held.missing_on_source, held.missing_on_target, held.deletes
            );
            (RunStatus::Held, Some(text))
        }
        Some(held) if held.unproved > 0 => {
            let text = format!(
                "held: {} of {} items would be deleted ({} are gone from the source, {} from the target); of {} of them the \
                 platform does not say that they were deleted: they may be hidden from the account. If they are gone, run \
                 the sync with --allow-deletes {}, or name them with --allow-delete ID",
                held.deletes,
                held.links,
                held.missing_on_source,
                held.missing_on_target,
                held.unproved,
                held.deletes
            );
            (RunStatus::Held, Some(text))
        }
        Some(held) => {
            let text = format!(
                "held: {} of {} items would be deleted ({} are gone from the source, {} from the target), and \
                 delete_guard lets {} pass; if that is right, run the sync with --allow-deletes {}, \
                 or name them with --allow-delete ID",
                held.deletes,
                held.links,
                held.missing_on_source,
                held.missing_on_target,
                held.allowed,
                held.deletes
            );
            (RunStatus::Held, Some(text))
        }
        None => {
            let failed = report.counts.failed;
            let first = report
                .errors
                .first()
                .map(|first| format!("{failed} failed; {}: {}", first.item, first.error));
            (RunStatus::Completed, first)
        }
    }
}

fn metrics(config: &sync_config::Model, report: &Report, status: RunStatus, took: Duration) {
    let platform = config.target_platform.clone();
    let counted = [
        ("completed", report.counts.synced),
        ("failed", report.counts.failed),
        // Like the run's `items_skipped`, this includes the items that needed no change.
        ("skipped", report.counts.skipped + report.counts.unchanged),
    ];
    for (status, count) in counted {
        metrics::counter!("sync_operations_total", "platform" => platform.clone(), "status" => status)
            .increment(count);
    }
    metrics::counter!("sync_conflicts_total", "platform" => platform.clone(), "type" => "open")
        .increment(report.counts.conflicts);
    metrics::counter!("sync_conflicts_total", "platform" => platform.clone(), "type" => "resolved")
        .increment(report.counts.resolved);
    metrics::histogram!("sync_duration_seconds", "platform" => platform.clone()).record(took.as_secs_f64());
    metrics::counter!("sync_runs_total", "platform" => platform, "status" => status.as_str()).increment(1);
}
