//! Requests runs.

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use serde_json::{Value, json};
use syncline_engine::spec::SyncSpec;
use syncline_entity::{
    sync_config, sync_history,
    types::{RunKind, RunStatus, SyncMethod},
};
use syncline_queue::{Cancelled, Priority};
use syncline_runs::{
    Accepted, NewRun, RunArgs, RunCancelled, RunQueue, accept, holding::holding, pause::Subject,
    queue_priority,
};
use uuid::Uuid;

use super::{
    Caller, Error, Refusal, Unknown,
    audit::{self, Entry},
    syncs::StoredSync,
};

/// A request for a run.
#[derive(Debug, Clone)]
pub struct Request {
    pub kind: RunKind,
    pub args: RunArgs,
    /// `None`: the sync's priority.
    pub priority: Option<Priority>,
    /// The earliest start.
    pub not_before: Option<DateTime<Utc>>,
    /// True if `not_before` was given as a time, false if it comes from a delay. A delay counts from each request, so
    /// it is not compared when a request is repeated.
    pub fixed_time: bool,
    /// The id, if the caller has chosen one; a repeated request with it is the same run.
    pub id: Option<Uuid>,
    /// True if the run may wait for the end of a pause.
    pub waits_for_pauses: bool,
}

/// A run that was accepted, now or by an earlier request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    pub id: Uuid,
    pub status: RunStatus,
    /// True if an equal run waits already, or the run has this id already.
    pub joined: bool,
}

/// Creates a run of a stored sync, with the sync's own settings.
pub fn run_of(config: &sync_config::Model, kind: RunKind) -> Result<NewRun, Error> {
    // A worker would find this error too, but could not report it to the caller.
    let spec: SyncSpec = serde_json::from_value(config.config_json.clone())
        .map_err(|error| Error::Unreadable { sync: config.name.clone(), error: error.to_string() })?;
    Ok(NewRun::of_spec(config, &spec, kind, SyncMethod::Manual))
}

/// Refuses a run that a pause would keep from beginning.
pub async fn refuse_paused(db: &DatabaseConnection, sync: &StoredSync) -> Result<(), Error> {
    let Some(holding) = holding(db, sync, &sync.to_string()).await? else { return Ok(()) };
    let why = match &holding.paused.subject {
        Subject::Queue(_) => Refusal::QueuePaused,
        _ => Refusal::SyncPaused,
    };
    Err(Error::refused(why, holding.to_string()))
}

/// Accepts a run. A request with an id that was accepted before returns that run, even while its sync is paused.
pub async fn enqueue(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    sync: &StoredSync,
    request: &Request,
) -> Result<Enqueued, Error> {
    let run = run_of(sync, request.kind)?;
    let run = NewRun {
        args: request.args.clone(),
        priority: request.priority.unwrap_or(run.priority),
        not_before: request.not_before.map(|time| time.trunc_subsecs(6)),
        id: request.id,
        ..run
    };
    if let Some(first) = accepted_before(db, &run, request).await? {
        return Ok(first);
    }
    if !request.waits_for_pauses {
        refuse_paused(db, sync).await?;
    }
    let (id, joined) = match accept(db, queue, &run).await? {
        Accepted::New(id) => (id, false),
        Accepted::Joined(id) => (id, true),
        Accepted::TickTaken => {
            return Err(DbErr::Custom("a run without a schedule found its tick taken".to_owned()).into());
        }
    };
    // Two requests with one id may come at once: compare the second with the row of the first.
    if joined && let Some(first) = accepted_before(db, &run, request).await? {
        return Ok(first);
    }
    if !joined {
        note_accepted(db, caller, id, &run).await?;
    }
    let status = match joined {
        true => sync_history::by_run(db, id).await?.map_or(RunStatus::Queued, |row| row.status),
        false => RunStatus::Queued,
    };
    Ok(Enqueued { id, status, joined })
}

/// Returns the run with the request's id. Refuses an id that was used for something else.
async fn accepted_before(
    db: &DatabaseConnection,
    run: &NewRun,
    request: &Request,
) -> Result<Option<Enqueued>, Error> {
    let Some(id) = request.id else { return Ok(None) };
    let Some(row) = sync_history::by_run(db, id).await? else { return Ok(None) };
    let args = serde_json::to_value(&run.args).unwrap_or_default();
    let time = !request.fixed_time || row.not_before == run.not_before;
    let priority = request.priority.is_none_or(|priority| priority == queue_priority(row.priority));
    let same = row.sync_config_id == run.sync_config_id && row.kind == run.kind && row.args == args;
    if same && time && priority {
        return Ok(Some(Enqueued { id, status: row.status, joined: true }));
    }
    let message = format!(
        "The id {id} was used for another request: a {} with the arguments {}. Choose a new id",
        row.kind, row.args
    );
    Err(Error::refused(Refusal::IdUsed, message))
}

/// Writes to the audit log that a run was accepted.
pub async fn note_accepted(
    db: &impl ConnectionTrait,
    caller: &Caller,
    id: Uuid,
    run: &NewRun,
) -> Result<(), DbErr> {
    let entry = Entry {
        action: "run.enqueue",
        kind: "run",
        id: Some(id.to_string()),
        project: Some(run.project_id),
        before: Value::Null,
        after: json!({
            "sync": run.sync_config_id, "kind": run.kind, "args": run.args, "not_before": run.not_before,
        }),
    };
    audit::record(db, caller, entry).await
}

/// True if a caller sees the run with this id, or the job without a run. Only those who see all projects see the latter.
pub async fn is_seen(db: &impl ConnectionTrait, caller: &Caller, id: Uuid) -> Result<bool, DbErr> {
    if caller.project.is_none() {
        return Ok(true);
    }
    Ok(sync_history::by_run(db, id).await?.is_some_and(|run| caller.sees(run.project_id)))
}

/// Cancels a run, or a job without a run. A waiting one ends at once (false), a running one is asked to stop (true).
pub async fn cancel(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    id: Uuid,
) -> Result<bool, Error> {
    let unknown = || Error::unknown(Unknown::Job, format!("there is no job {id} that could be cancelled"));
    if !is_seen(db, caller, id).await? {
        return Err(unknown());
    }
    let asked = match syncline_runs::cancel(db, queue, id).await? {
        RunCancelled::Ended => false,
        RunCancelled::Requested => true,
        RunCancelled::Over => {
            let text = format!("the job {id} is over and cannot be cancelled");
            return Err(Error::refused(Refusal::JobOver, text));
        }
        RunCancelled::Unknown => match queue.cancel(id).await? {
            Cancelled::Removed => false,
            Cancelled::Requested => true,
            Cancelled::Unknown => return Err(unknown()),
        },
    };
    let entry = Entry {
        action: "run.cancel",
        kind: "run",
        id: Some(id.to_string()),
        project: sync_history::by_run(db, id).await?.map(|run| run.project_id),
        before: Value::Null,
        after: json!({ "result": if asked { "requested" } else { "cancelled" } }),
    };
    audit::record(db, caller, entry).await?;
    Ok(asked)
}
