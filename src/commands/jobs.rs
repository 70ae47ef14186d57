//! `syncline jobs`: lists, shows and cancels the jobs in the queue.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use syncline_entity::{sync_attempt, sync_history, types::RunStatus};
use syncline_queue::Job;
use syncline_runs::{
    RunQueue,
    holding::holding,
    listing::{self, Listed, Listing, Standing},
};
use syncline_service::{
    Caller, Error, Refusal, Unknown,
    filter::jobs::of_jobs,
    runs,
    syncs::{self, NamedSync},
};
use uuid::Uuid;

use super::dead;
use crate::{
    app,
    cli::{JobsAction, JobsArgs, JobsListArgs, PageArgs, WhichArgs},
    config::Config,
    fault::{Exit, Fault},
    ids,
    output::{Output, list as entries, moment, sync_name, text},
    words::{self, since},
};

/// Lists, shows or cancels jobs.
pub(crate) async fn run(config: &Config, args: &JobsArgs, output: &Output) -> Result<Exit, Fault> {
    if let Some(JobsAction::Dead(args)) = &args.action {
        return dead::run(config, args, output).await;
    }
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    match &args.action {
        Some(JobsAction::Show(args)) => {
            show(&db, &queue, ids::job(&db, &queue, &args.id).await?, output).await
        }
        Some(JobsAction::Cancel(args)) => {
            cancel(&db, &queue, &config.caller(), &ids::jobs(&db, &queue, &args.ids).await?, output).await
        }
        Some(JobsAction::List(args)) => list(&db, &queue, args, output).await,
        Some(JobsAction::Dead(_)) | None => list(&db, &queue, &args.list, output).await,
    }
}

async fn list(
    db: &DatabaseConnection,
    queue: &RunQueue,
    args: &JobsListArgs,
    output: &Output,
) -> Result<Exit, Fault> {
    // A cursor is valid for one state only, so it includes the state.
    let (state, cursor) = match args.page.after.as_deref() {
        None => (args.state, None),
        Some(after) => {
            let wrong = || Fault::usage(format!("--after {after:?} is not a cursor that a list has shown"));
            let (state, cursor) = after.split_once('/').ok_or_else(wrong)?;
            (Some(state.parse().map_err(|_| wrong())?), Some(cursor.to_owned()))
        }
    };
    let states = states(state, args.state, args.page.after.is_some());
    let mut asked = listing(db, &args.which, &args.page, Standing::Waiting).await?;
    asked.after = cursor.filter(|cursor| !cursor.is_empty());
    let limit = asked.limit;
    let (mut jobs, mut next) = (Vec::new(), None);
    for standing in states {
        if jobs.len() >= limit {
            next = Some(format!("{standing}/"));
            break;
        }
        (asked.standing, asked.limit) = (standing, limit - jobs.len());
        let page = listing::list(db, queue, &asked).await?;
        asked.after = None;
        jobs.extend(page.jobs);
        if let Some(cursor) = page.next {
            next = Some(format!("{standing}/{cursor}"));
            break;
        }
    }
    tell(&document(db, &jobs, next.as_deref()).await?, "no jobs", output);
    Ok(Exit::Done)
}

/// The states to list: `from` is that of the cursor, or of `--state`, which is `asked`. Without `--state` a list goes on with
/// the states after the cursor's.
pub(crate) fn states(from: Option<Standing>, asked: Option<Standing>, goes_on: bool) -> Vec<Standing> {
    match (from, asked, goes_on) {
        (Some(from), None, true) => LIVE.into_iter().skip_while(|state| *state != from).collect(),
        (Some(state), _, _) => vec![state],
        (None, _, _) => LIVE.to_vec(),
    }
}

/// The states that are listed without `--state`.
const LIVE: [Standing; 3] = [Standing::Running, Standing::Waiting, Standing::Undispatched];

/// Converts the arguments of a list to a query.
pub(crate) async fn listing(
    db: &DatabaseConnection,
    which: &WhichArgs,
    page: &PageArgs,
    standing: Standing,
) -> Result<Listing, Fault> {
    let sync = match &which.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    let also = match &which.filter {
        Some(filter) => Some(of_jobs(db, filter).await?),
        None => None,
    };
    Ok(Listing {
        also,
        queue: which.of_queue.clone(),
        sync,
        kind: which.kind.clone(),
        key: which.key.clone(),
        text: which.text.clone(),
        older_than: which.older_than,
        limit: usize::from(page.limit),
        after: page.after.clone(),
        ..Listing::new(standing)
    })
}

/// Jobs as JSON.
pub(crate) async fn document(
    db: &DatabaseConnection,
    jobs: &[Listed],
    next: Option<&str>,
) -> Result<Value, Fault> {
    let syncs = syncs::all(db).await?;
    let json: Vec<Value> = jobs.iter().map(|job| as_json(job, &syncs)).collect();
    Ok(json!({ "jobs": json, "next": next }))
}

/// Prints jobs as a table, or as JSON. `none` is said if there are none.
pub(crate) fn tell(document: &Value, none: &str, output: &Output) {
    output.data(document);
    let jobs = entries(document, "jobs");
    if jobs.is_empty() {
        output.line(none);
    } else if jobs.iter().all(|job| job["state"] == "dead") {
        dead::table(jobs, output);
    } else {
        table(jobs, output);
    }
    if let Some(next) = document["next"].as_str().filter(|_| !jobs.is_empty()) {
        output.line(format!("there are more: --after {next}"));
    }
}

fn table(jobs: &[Value], output: &Output) {
    let line = |job: &Value| {
        let not_before = || {
            let at = moment(job, "run_at").filter(|at| *at > Utc::now())?;
            Some(format!("not before {}", words::time(at)))
        };
        let progress = Some(&job["progress"]).filter(|progress| !progress.is_null()).map(words::progress);
        vec![
            text(job, "id"),
            text(job, "state"),
            sync_name(job),
            text(job, "kind"),
            text(job, "priority"),
            moment(job, "since").map(since).unwrap_or_default(),
            match (job["attempt"].as_u64(), job["max_attempts"].as_u64()) {
                (Some(attempt), Some(max)) => format!("{attempt} of {max}"),
                _ => String::new(),
            },
            text(job, "worker"),
            progress.or_else(not_before).unwrap_or_default(),
        ]
    };
    output.table(
        &["job", "state", "sync", "kind", "priority", "age", "attempt", "worker", "progress"],
        jobs.iter().map(line).collect(),
    );
}

fn as_json(job: &Listed, syncs: &HashMap<i64, NamedSync>) -> Value {
    let sync = job.sync.and_then(|sync| syncs.get(&sync));
    json!({
        "id": job.id,
        "state": job.standing.as_str(),
        "sync": sync.map(|sync| &sync.name),
        "project": sync.map(|sync| &sync.project),
        "kind": job.kind,
        "priority": job.priority.as_str(),
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "run_at": job.run_at,
        "since": job.since,
        "key": job.key,
        "worker": job.worker,
        "progress": job.progress,
        "cancel_requested": job.cancel_requested,
        "reason": job.reason,
        "error": job.error,
    })
}

pub(crate) async fn show(
    db: &DatabaseConnection,
    queue: &RunQueue,
    id: Uuid,
    output: &Output,
) -> Result<Exit, Fault> {
    let run = sync_history::by_run(db, id).await?;
    let job = queue.get(id).await?;
    if run.is_none() && job.is_none() {
        return Err(Fault::usage(format!("there is no job {id}; old ones are removed")));
    }
    let attempts = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(id))
        .order_by_asc(sync_attempt::Column::Attempt)
        .all(db)
        .await?;
    let sync = match &run {
        Some(run) => syncs::by_id(db, run.sync_config_id).await?,
        None => None,
    };
    let whole = json!({
        "id": id,
        "sync": sync.as_ref().map(|sync| &sync.name),
        "project": sync.as_ref().map(|sync| &sync.project),
        "run": run.as_ref().map(run_json),
        "queue": job.as_ref().map(job_json),
        "attempts": attempts.iter().map(attempt_json).collect::<Vec<_>>(),
    });
    output.data(&whole);
    output.line(format!("job {id}{}", sync.as_ref().map(|sync| format!(" of {sync}")).unwrap_or_default()));
    for (name, value) in told(run.as_ref(), job.as_ref()) {
        output.line(format!("{name}: {value}"));
    }
    if let Some(sync) = &sync
        && run.as_ref().is_some_and(|run| run.status == RunStatus::Queued)
        && let Some(holding) = holding(db, sync, &sync.to_string()).await?
    {
        output.line(format!("pause: {holding}"));
    }
    if !attempts.is_empty() {
        let line = |row: &sync_attempt::Model| {
            let time = |at: DateTime<Utc>| at.format("%m-%d %H:%M:%S").to_string();
            let texts = [row.outcome.clone(), row.error.clone()].map(Option::unwrap_or_default);
            let [outcome, error] = texts;
            let ended = row.ended_at.map(time).unwrap_or_default();
            vec![row.attempt.to_string(), row.worker.clone(), time(row.started_at), ended, outcome, error]
        };
        output.headline("attempts");
        output.table(
            &["attempt", "worker", "began (UTC)", "ended", "outcome", "error"],
            attempts.iter().map(line).collect(),
        );
    }
    Ok(Exit::Done)
}

/// The fields of a job in the table; `--json` has the others.
fn told(run: Option<&sync_history::Model>, job: Option<&Job>) -> Vec<(&'static str, String)> {
    let kind = run.map(|run| run.kind.to_string()).or_else(|| job.map(|job| job.kind.clone()));
    let state = run.map(|run| run.status.to_string()).or_else(|| job.map(|job| job.state.to_string()));
    let at = |time: Option<DateTime<Utc>>| time.map(|time| format!("{} UTC", words::date(time)));
    let not_before = run.and_then(|run| run.not_before).filter(|time| *time > Utc::now());
    let attempt = job.filter(|job| job.attempt > 0);
    let error = run.and_then(|run| run.error_message.clone());
    let error = error.or_else(|| job.and_then(|job| job.last_error.clone()));
    let reason = run.and_then(|run| run.dead_reason.clone());
    let reason = reason.or_else(|| job.and_then(|job| job.dead_reason.clone()));
    let asked = run.is_some_and(|run| run.cancel_requested_at.is_some() && run.completed_at.is_none());
    let lines = [
        ("kind", kind),
        ("state", state),
        ("priority", job.map(|job| job.priority.to_string())),
        ("queued", at(run.map(|run| run.queued_at).or_else(|| job.map(|job| job.enqueued_at)))),
        ("not before", at(not_before)),
        ("begun", at(run.and_then(|run| run.started_at))),
        ("ended", at(run.and_then(|run| run.completed_at))),
        ("attempt", attempt.map(|job| format!("{} of {}", job.attempt, job.max_attempts))),
        ("worker", job.and_then(|job| job.worker_id.clone())),
        ("progress", job.and_then(|job| job.progress.as_ref()).map(words::progress)),
        ("cancelled", asked.then(|| "asked to stop".to_owned())),
        ("error", error),
        ("reason", reason.as_deref().map(dead::reason)),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn run_json(run: &sync_history::Model) -> Value {
    json!({
        "kind": run.kind, "status": run.status, "success": run.success, "priority": run.priority, "args": run.args,
        "queued_at": run.queued_at, "not_before": run.not_before, "dispatched_at": run.dispatched_at,
        "started_at": run.started_at, "completed_at": run.completed_at, "dead_at": run.dead_at,
        "dead_reason": run.dead_reason, "cancel_requested_at": run.cancel_requested_at, "tick_at": run.tick_at,
        "error": run.error_message,
    })
}

fn job_json(job: &Job) -> Value {
    json!({
        "queue": job.queue, "kind": job.kind, "state": job.state.as_str(), "priority": job.priority.as_str(),
        "attempt": job.attempt, "max_attempts": job.max_attempts, "run_at": job.run_at, "worker": job.worker_id,
        "lease_until": job.lease_until, "cancel_requested": job.cancel_requested, "progress": job.progress,
        "payload": job.payload, "unique_key": job.unique_key, "concurrency_key": job.concurrency_key,
        "order_key": job.order_key, "last_error": job.last_error, "dead_reason": job.dead_reason,
        "history": job.history, "enqueued_at": job.enqueued_at,
    })
}

fn attempt_json(row: &sync_attempt::Model) -> Value {
    json!({
        "attempt": row.attempt, "worker": row.worker, "started_at": row.started_at, "ended_at": row.ended_at,
        "outcome": row.outcome, "error": row.error,
    })
}

/// Cancels jobs. Exit code 1 if one of them could not be cancelled.
async fn cancel(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    ids: &[Uuid],
    output: &Output,
) -> Result<Exit, Fault> {
    let mut told = Vec::new();
    for id in ids {
        let word = match runs::cancel(db, queue, caller, *id).await {
            Ok(false) => "cancelled",
            Ok(true) => "asked to stop",
            Err(Error::Refused { why: Refusal::JobOver, .. }) => "over already",
            Err(Error::Unknown { what: Unknown::Job, .. }) => "unknown",
            Err(error) => return Err(error.into()),
        };
        told.push((*id, word));
    }
    Ok(tell_cancelled(&told, output))
}

/// Prints what became of the jobs to cancel.
pub(crate) fn tell_cancelled(told: &[(Uuid, &str)], output: &Output) -> Exit {
    let mut exit = Exit::Done;
    for (id, word) in told {
        if matches!(*word, "over already" | "unknown") {
            exit = Exit::Failed;
            let why = if *word == "unknown" { "there is no such job" } else { "is over already" };
            output.error(&format!("{id}: {why}"));
        } else {
            output.line(format!("{id}: {word}"));
        }
    }
    let json = told.iter().map(|(id, word)| json!({ "id": id, "result": word.replace(' ', "_") }));
    output.data(&json!({ "jobs": json.collect::<Vec<_>>() }));
    exit
}
