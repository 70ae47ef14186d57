//! Requests runs.

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    slice,
    sync::Arc,
};

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter,
};
use serde_json::{Value, json};
use syncline_engine::spec::SyncSpec;
use syncline_entity::{
    sync_config, sync_history,
    types::{RunKind, RunStatus, SyncMethod},
};
use syncline_queue::{Cancelled, Priority};
use syncline_runs::{
    Accepted, NewRun, Noting, RunArgs, RunCancelled, RunQueue, accept_many, accept_noted, cancel_noted,
    holding::holding, pause::Subject, queue_priority,
};
use uuid::Uuid;

use super::{Caller, Error, Refusal, Unknown, audit, syncs::StoredSync};

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
    let run = with(run_of(sync, request.kind)?, request);
    if let Some(first) = accepted_before(db, &run, request).await? {
        return Ok(first);
    }
    if !request.waits_for_pauses {
        refuse_paused(db, sync).await?;
    }
    let noting = noting(caller, slice::from_ref(&run));
    let (id, joined) = accepted(accept_noted(db, queue, &run, Some(noting)).await?)?;
    // Two requests with one id may come at once: compare the second with the row of the first.
    if joined && let Some(first) = accepted_before(db, &run, request).await? {
        return Ok(first);
    }
    let status = match joined {
        true => sync_history::by_run(db, id).await?.map_or(RunStatus::Queued, |row| row.status),
        false => RunStatus::Queued,
    };
    Ok(Enqueued { id, status, joined })
}

/// The id of an accepted run, and true if another request was first.
fn accepted(accepted: Accepted) -> Result<(Uuid, bool), Error> {
    match accepted {
        Accepted::New(id) => Ok((id, false)),
        Accepted::Joined(id) => Ok((id, true)),
        Accepted::TickTaken => {
            Err(DbErr::Custom("a run without a schedule found its tick taken".to_owned()).into())
        }
    }
}

/// The most runs of one request.
pub const MOST_AT_ONCE: usize = 1_000;

/// Accepts several runs in one transaction, with one row in the audit log; answers in their order. A request in error
/// leaves the others as they are. If the queue has no room for all, none is accepted.
pub async fn enqueue_many(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    asked: &[(&StoredSync, Request)],
) -> Result<Vec<Result<Enqueued, Error>>, Error> {
    let mut models: HashMap<(i64, RunKind), NewRun> = HashMap::new();
    let mut pauses: HashMap<i64, Option<Error>> = HashMap::new();
    let known = rows_of(db, asked.iter().filter_map(|(_, request)| request.id)).await?;
    let mut answers: Vec<Option<Result<Enqueued, Error>>> = Vec::with_capacity(asked.len());
    let mut runs: Vec<(usize, NewRun)> = Vec::with_capacity(asked.len());
    for (at, (sync, request)) in asked.iter().enumerate() {
        let model = match models.entry((sync.id, request.kind)) {
            Entry::Occupied(model) => model.into_mut(),
            Entry::Vacant(place) => match run_of(sync, request.kind) {
                Ok(model) => place.insert(model),
                Err(error) => {
                    answers.push(Some(Err(error)));
                    continue;
                }
            },
        };
        let run = with(model.clone(), request);
        if let Some(row) = request.id.and_then(|id| known.get(&id)) {
            answers.push(Some(same(row, &run, request)));
            continue;
        }
        if !request.waits_for_pauses {
            let refused = match pauses.entry(sync.id) {
                Entry::Occupied(refused) => refused.into_mut(),
                Entry::Vacant(place) => place.insert(match refuse_paused(db, sync).await {
                    Ok(()) => None,
                    Err(refused @ Error::Refused { .. }) => Some(refused),
                    Err(error) => return Err(error),
                }),
            };
            if let Some(Error::Refused { why, message }) = refused {
                answers.push(Some(Err(Error::refused(*why, message.clone()))));
                continue;
            }
        }
        answers.push(None);
        runs.push((at, run));
    }
    if runs.is_empty() {
        return Ok(answers.into_iter().flatten().collect());
    }
    let (places, runs): (Vec<usize>, Vec<NewRun>) = runs.into_iter().unzip();
    let accepted_runs = accept_many(db, queue, &runs, Some(&noting(caller, &runs))).await?;
    let joined: Vec<Uuid> = accepted_runs
        .iter()
        .filter_map(|one| if let Accepted::Joined(id) = one { Some(*id) } else { None })
        .collect();
    let joined = rows_of(db, joined.into_iter()).await?;
    for ((at, one), run) in places.into_iter().zip(accepted_runs).zip(&runs) {
        let (id, is_joined) = accepted(one)?;
        let row = joined.get(&id).filter(|_| is_joined);
        let request = asked.get(at).map(|(_, request)| request);
        answers[at] = Some(match (row, request) {
            // Another request with this id was faster.
            (Some(row), Some(request)) if request.id == Some(id) => same(row, run, request),
            (row, _) => {
                let status = row.map_or(RunStatus::Queued, |row| row.status);
                Ok(Enqueued { id, status, joined: is_joined })
            }
        });
    }
    Ok(answers.into_iter().flatten().collect())
}

/// The rows of runs by id.
async fn rows_of(
    db: &impl ConnectionTrait,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, sync_history::Model>, DbErr> {
    let ids: HashSet<Uuid> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sync_history::Entity::find().filter(sync_history::Column::RunUid.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.run_uid, row)).collect())
}

/// The run of a request.
fn with(run: NewRun, request: &Request) -> NewRun {
    NewRun {
        args: request.args.clone(),
        priority: request.priority.unwrap_or(run.priority),
        not_before: request.not_before.map(|time| time.trunc_subsecs(6)),
        id: request.id,
        ..run
    }
}

/// Returns the run with the request's id. Refuses an id that was used for something else.
async fn accepted_before(
    db: &DatabaseConnection,
    run: &NewRun,
    request: &Request,
) -> Result<Option<Enqueued>, Error> {
    let Some(id) = request.id else { return Ok(None) };
    let Some(row) = sync_history::by_run(db, id).await? else { return Ok(None) };
    same(&row, run, request).map(Some)
}

/// Answers a request with the row of its id.
fn same(row: &sync_history::Model, run: &NewRun, request: &Request) -> Result<Enqueued, Error> {
    let id = row.run_uid;
    let args = serde_json::to_value(&run.args).unwrap_or_default();
    let time = !request.fixed_time || row.not_before == run.not_before;
    let priority = request.priority.is_none_or(|priority| priority == queue_priority(row.priority));
    let same = row.sync_config_id == run.sync_config_id && row.kind == run.kind && row.args == args;
    if same && time && priority {
        return Ok(Enqueued { id, status: row.status, joined: true });
    }
    let message = format!(
        "The id {id} was used for another request: a {} with the arguments {}. Choose a new id",
        row.kind, row.args
    );
    Err(Error::refused(Refusal::IdUsed, message))
}

/// Makes the row of the audit log for those of these runs that are new.
pub fn noting(caller: &Caller, runs: &[NewRun]) -> Noting {
    let caller = caller.clone();
    let first = runs.first();
    let one = first.filter(|_| runs.len() == 1).map(|run| {
        json!({ "sync": run.sync_config_id, "kind": run.kind, "args": run.args, "not_before": run.not_before })
    });
    let project =
        first.map(|run| run.project_id).filter(|project| runs.iter().all(|run| run.project_id == *project));
    let syncs: BTreeSet<i64> = runs.iter().map(|run| run.sync_config_id).collect();
    Arc::new(move |ids| {
        let many = || json!({ "count": ids.len(), "syncs": syncs, "ids": ids });
        let entry = audit::Entry {
            action: "run.enqueue",
            kind: "run",
            id: ids.first().filter(|_| ids.len() == 1).map(ToString::to_string),
            project,
            before: Value::Null,
            after: one.clone().unwrap_or_else(many),
        };
        audit::row(&caller, entry)
    })
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
    let note = |run: Option<&sync_history::Model>, asked: bool| {
        let entry = audit::Entry {
            action: "run.cancel",
            kind: "run",
            id: Some(id.to_string()),
            project: run.map(|run| run.project_id),
            before: Value::Null,
            after: json!({ "result": if asked { "requested" } else { "cancelled" } }),
        };
        audit::row(caller, entry)
    };
    match cancel_noted(db, queue, id, |run, asked| Some(note(Some(run), asked))).await? {
        RunCancelled::Ended => return Ok(false),
        RunCancelled::Requested => return Ok(true),
        RunCancelled::Over => {
            let text = format!("the job {id} is over and cannot be cancelled");
            return Err(Error::refused(Refusal::JobOver, text));
        }
        RunCancelled::Unknown => {}
    }
    let asked = match queue.cancel(id).await? {
        Cancelled::Removed => false,
        Cancelled::Requested => true,
        Cancelled::Unknown => return Err(unknown()),
    };
    note(None, asked).insert(db).await?;
    Ok(asked)
}

/// Changes the priority of a job that waits. Returns the former one.
pub async fn set_priority(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    id: Uuid,
    priority: Priority,
) -> Result<Priority, Error> {
    let row = sync_history::by_run(db, id).await?.filter(|row| caller.sees(row.project_id));
    let Some(row) = row else {
        return Err(Error::unknown(
            Unknown::Job,
            format!("there is no run {id} whose priority could be changed"),
        ));
    };
    let before = queue_priority(row.priority);
    let entry = audit::Entry {
        action: "run.priority",
        kind: "run",
        id: Some(id.to_string()),
        project: Some(row.project_id),
        before: json!({ "priority": before.as_str() }),
        after: json!({ "priority": priority.as_str() }),
    };
    if syncline_runs::set_priority(db, queue, id, priority, audit::row(caller, entry)).await? {
        return Ok(before);
    }
    let why = if row.completed_at.is_some() { "is over" } else { "runs already" };
    Err(Error::refused(Refusal::JobOver, format!("the job {id} {why}; only jobs that wait have a priority")))
}
