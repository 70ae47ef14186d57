//! `GET /api/v1/jobs/{id}`: the run's row, which is the truth, its attempts, and the queue's view while it lasts.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use serde_json::Value;
use syncline_entity::{
    project, sync_attempt, sync_config, sync_history,
    types::{Priority, RunKind, RunStatus, SyncMethod},
};
use syncline_queue::{Job, State as JobState};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Links, address};
use crate::{extract::JobId, problem::Problem, state::ApiState};

/// How long the queue's store may take to say where a job stands.
const PATIENCE: Duration = Duration::from_secs(2);

/// A job: its run, and where it stands in the queue.
#[derive(Debug, Clone, Serialize)]
pub struct JobView {
    /// Its id, and its run's.
    pub id: Uuid,
    /// The sync; none when it was purged since.
    pub sync: Option<String>,
    /// The sync's project.
    pub project: Option<String>,
    /// What it does.
    pub kind: RunKind,
    /// What set it off.
    pub method: SyncMethod,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub status: RunStatus,
    /// Whether it did its work; none until it is over.
    pub success: Option<bool>,
    /// What it was asked.
    pub args: Value,
    /// When it was accepted.
    pub queued_at: DateTime<Utc>,
    /// When a worker first began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub completed_at: Option<DateTime<Utc>>,
    /// From start to end.
    pub duration_ms: Option<i64>,
    /// What it did so far.
    pub counts: ItemCounts,
    /// Why it failed.
    pub error: Option<String>,
    /// Details for people, and the plan of a plan run.
    pub details: Option<Value>,
    /// Ties together what one cause set off.
    pub correlation_id: Uuid,
    /// Every time a worker took it up, the first first.
    pub attempts: Vec<AttemptView>,
    /// The queue's view; none when the run is over.
    pub queue: Option<QueueView>,
    /// Where to read on.
    pub links: Links,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the fields are the columns of sync_history")]
pub struct ItemCounts {
    pub items_synced: i64,
    pub items_failed: i64,
    pub items_skipped: i64,
    pub created: i64,
    pub updated: i64,
    pub deleted: i64,
    pub conflicts: i64,
    pub api_calls: i64,
}

/// One attempt at a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptView {
    /// Which, from 1.
    pub attempt: i32,
    /// Who made it.
    pub worker: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended; none while it lasts, and for good where its worker died.
    pub ended_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Where a job stands in the queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueView {
    /// waiting, running or dead.
    pub state: &'static str,
    /// How often it was started.
    pub attempt: u32,
    /// How often it may be started.
    pub max_attempts: u32,
    /// Not before this.
    pub run_at: DateTime<Utc>,
    /// Who runs it.
    pub worker: Option<String>,
    /// Somebody asked it to stop.
    pub cancel_requested: bool,
    /// How far it has come, as its handler says it.
    pub progress: Option<Value>,
    /// How the attempt before ended.
    pub last_error: Option<String>,
    /// Why it was given up.
    pub dead_reason: Option<String>,
}

/// A dead letter that is no run: a request from the inbox that was refused, under the id that it names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LetterView {
    /// Its id.
    pub id: Uuid,
    /// What it was: `inbox`, or the kind of its job.
    pub kind: String,
    /// `failed`, as for a run that was given up.
    pub status: RunStatus,
    /// What was asked.
    pub args: Value,
    /// When it was given up.
    pub completed_at: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<String>,
    /// The queue's view.
    pub queue: QueueView,
    /// Where to read on.
    pub links: Links,
}

/// What an id stands for.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Shown {
    Job(Box<JobView>),
    Letter(Box<LetterView>),
}

pub(crate) async fn show(State(api): State<ApiState>, JobId(id): JobId) -> Result<Json<Shown>, Problem> {
    let Some(run) = sync_history::by_run(&api.db, id).await? else {
        if let Some(letter) = letter(&api, id).await {
            return Ok(Json(Shown::Letter(Box::new(letter))));
        }
        let detail = format!("There is no job {id}; old ones are removed");
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-job", "Unknown job", detail));
    };
    let sync = sync_config::Entity::find_by_id(run.sync_config_id)
        .find_also_related(project::Entity)
        .one(&api.db)
        .await?;
    let attempts = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(id))
        .order_by_asc(sync_attempt::Column::Attempt)
        .all(&api.db)
        .await?;
    let queue = match run.completed_at {
        None => queue(&api, id).await,
        Some(_) => None,
    };
    Ok(Json(Shown::Job(Box::new(view(run, sync, attempts, queue)))))
}

async fn letter(api: &ApiState, id: Uuid) -> Option<LetterView> {
    let job = timeout(PATIENCE, api.queue.get(id)).await.ok()?.ok()??;
    if job.state != JobState::Dead {
        return None;
    }
    Some(LetterView {
        id,
        kind: job.kind.clone(),
        status: RunStatus::Failed,
        args: job.payload.clone(),
        completed_at: job.finished_at,
        error: job.last_error.clone(),
        links: Links { this: address(id), parent: None },
        queue: queue_view(job),
    })
}

/// The queue's view, unless its store is away: the run's row is the truth, and stands without.
async fn queue(api: &ApiState, id: Uuid) -> Option<QueueView> {
    match timeout(PATIENCE, api.queue.get(id)).await {
        Ok(Ok(job)) => job.map(queue_view),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a job is shown without the queue's view");
            None
        }
        Err(_) => None,
    }
}

fn view(
    run: sync_history::Model,
    sync: Option<(sync_config::Model, Option<project::Model>)>,
    attempts: Vec<sync_attempt::Model>,
    queue: Option<QueueView>,
) -> JobView {
    let (sync, project) = sync.unzip();
    JobView {
        id: run.run_uid,
        sync: sync.map(|sync| sync.name),
        project: project.flatten().map(|project| project.key),
        kind: run.kind,
        method: run.sync_type,
        priority: run.priority,
        status: run.status,
        success: run.success,
        args: run.args,
        queued_at: run.queued_at,
        started_at: run.started_at,
        completed_at: run.completed_at,
        duration_ms: run.duration_ms,
        counts: ItemCounts {
            items_synced: run.items_synced,
            items_failed: run.items_failed,
            items_skipped: run.items_skipped,
            created: run.created,
            updated: run.updated,
            deleted: run.deleted,
            conflicts: run.conflicts,
            api_calls: run.api_calls,
        },
        error: run.error_message,
        details: run.sync_metadata,
        correlation_id: run.correlation_id,
        attempts: attempts.into_iter().map(attempt_view).collect(),
        queue,
        links: Links { this: address(run.run_uid), parent: run.parent_run_id.map(address) },
    }
}

fn attempt_view(attempt: sync_attempt::Model) -> AttemptView {
    AttemptView {
        attempt: attempt.attempt,
        worker: attempt.worker,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
        outcome: attempt.outcome,
        error: attempt.error,
    }
}

fn queue_view(job: Job) -> QueueView {
    QueueView {
        state: job.state.as_str(),
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        run_at: job.run_at,
        worker: job.worker_id,
        cancel_requested: job.cancel_requested,
        progress: job.progress,
        last_error: job.last_error,
        dead_reason: job.dead_reason,
    }
}
