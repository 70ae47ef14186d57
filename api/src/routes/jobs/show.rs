//! `GET /api/v1/jobs/{id}`: the run's row, which is authoritative, its attempts, and the queue's state of the job.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use serde_json::Value;
use syncline_entity::{
    project, sync_attempt, sync_config, sync_history,
    types::{Priority, RunKind, RunStatus, SyncMethod},
};
use syncline_queue::{Job, State as JobState};
use syncline_runs::{RunQueue, details};
use syncline_service::{redact, runs::is_seen};
use tokio::time::timeout;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Links, address};
use crate::{access::By, extract::JobId, problem::Problem, schema::words, state::ApiState};

/// Timeout of the queue's store.
const PATIENCE: Duration = Duration::from_secs(2);

/// A job: its run, and its state in the queue.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "config_id": 3, "sync": "tasks", "project": "default", "kind": "sync", "method": "manual", "priority": "high",
    "status": "completed", "success": true, "args": {}, "queued_at": "2026-11-20T13:43:32.472408Z",
    "not_before": null, "tick_at": null, "dispatched_at": "2026-11-20T13:43:32.472408Z", "started_at": "2026-11-20T13:43:32.475012Z", "completed_at": "2026-11-20T13:43:32.486817Z", "duration_ms": 11,
    "items_synced": 4, "items_failed": 0, "items_skipped": 5, "created": 3, "updated": 1, "deleted": 0,
    "conflicts": 1, "api_calls": 16,
    "error": null, "dead_reason": null, "cancel_requested": false, "details": null,
    "correlation_id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "attempts": [{
        "attempt": 1, "worker": "desk-4711", "started_at": "2026-11-20T13:43:32.475012Z",
        "ended_at": "2026-11-20T13:43:32.486817Z", "outcome": "done", "error": null,
    }],
    "queue": null, "links": { "self": "/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "parent": null },
})))]
pub struct JobView {
    /// The id of the job and of its run.
    pub id: Uuid,
    /// The id of the sync.
    pub config_id: i64,
    /// The sync's name; none if the sync was purged.
    pub sync: Option<String>,
    pub project: Option<String>,
    #[schema(schema_with = words::<RunKind>)]
    pub kind: RunKind,
    /// What triggered it.
    #[schema(schema_with = words::<SyncMethod>)]
    pub method: SyncMethod,
    #[schema(schema_with = words::<Priority>)]
    pub priority: Priority,
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// True if the run did its work; none until it is over.
    pub success: Option<bool>,
    /// The arguments of the run.
    pub args: Value,
    /// When it was accepted.
    pub queued_at: DateTime<Utc>,
    /// The earliest start that was asked for.
    pub not_before: Option<DateTime<Utc>>,
    /// The tick of the schedule that it stands for.
    pub tick_at: Option<DateTime<Utc>>,
    /// When it came into the queue; none while its sync is paused or the queue's store is unreachable.
    pub dispatched_at: Option<DateTime<Utc>>,
    /// When its first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub completed_at: Option<DateTime<Utc>>,
    /// Milliseconds from start to end.
    pub duration_ms: Option<i64>,
    #[serde(flatten)]
    pub counts: ItemCounts,
    /// Why it failed.
    pub error: Option<String>,
    /// Why it was given up, in a few words, if it was.
    pub dead_reason: Option<String>,
    pub cancel_requested: bool,
    /// Details for display, and the plan of a plan run.
    pub details: Option<Value>,
    /// Shared by all runs that one cause triggered.
    pub correlation_id: Uuid,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptView>,
    /// The job in the queue; none if the run is over.
    pub queue: Option<QueueView>,
    pub links: Links,
}

/// What a run has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
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

impl From<&sync_history::Model> for ItemCounts {
    fn from(run: &sync_history::Model) -> Self {
        ItemCounts {
            items_synced: run.items_synced,
            items_failed: run.items_failed,
            items_skipped: run.items_skipped,
            created: run.created,
            updated: run.updated,
            deleted: run.deleted,
            conflicts: run.conflicts,
            api_calls: run.api_calls,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttemptView {
    /// The number of the attempt, from 1.
    pub attempt: i32,
    /// The worker that made it.
    pub worker: String,
    pub started_at: DateTime<Utc>,
    /// When it ended; none while it lasts, and for good if its worker died.
    pub ended_at: Option<DateTime<Utc>>,
    pub outcome: Option<String>,
    pub error: Option<String>,
}

/// A job as the queue has it. Its status is that of the run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueView {
    /// Attempts begun.
    pub attempt: u32,
    pub max_attempts: u32,
    /// The job begins no earlier than this.
    pub run_at: DateTime<Utc>,
    /// The worker that runs it.
    pub worker: Option<String>,
    /// How long the worker has it, unless it asks for longer.
    pub lease_until: Option<DateTime<Utc>>,
    pub cancel_requested: bool,
    /// The progress, as reported by its handler.
    pub progress: Option<Value>,
    /// The error of the previous attempt.
    pub last_error: Option<String>,
    /// Why it was given up.
    pub dead_reason: Option<String>,
}

/// A job that is not a run: a refused request from the inbox, which is a dead letter, under the id in the request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LetterView {
    pub id: Uuid,
    /// `inbox`, or the kind of its job.
    pub kind: String,
    /// `failed` for a dead letter.
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// The request.
    pub args: Value,
    /// When it was given up.
    pub completed_at: Option<DateTime<Utc>>,
    pub error: Option<String>,
    pub queue: QueueView,
    pub links: Links,
}

/// The response: a run, or a job that is not a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Shown {
    Job(Box<JobView>),
    Letter(Box<LetterView>),
}

/// Show where a run stands, what it did, and its attempts
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    operation_id = "show_job",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The id of the job and of its run.")),
    responses((status = 200, description = "The job.", body = Shown)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(id): JobId,
) -> Result<Json<Shown>, Problem> {
    let seen = is_seen(&api.db, &caller, id).await?;
    let prefix = api.hosts.prefix();
    let Some(run) = sync_history::by_run(&api.db, id).await?.filter(|_| seen) else {
        if seen && let Ok(Ok(Some(job))) = timeout(PATIENCE, api.queue.get(id)).await {
            return Ok(Json(Shown::Letter(Box::new(letter(job, prefix)))));
        }
        let detail = format!("There is no job {id}; old ones are removed");
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-job", "Unknown job", detail));
    };
    let mut job = view(&api.db, Some(&api.queue), run, prefix).await?;
    job.details = job.details.map(|details| redact::details(&caller, details));
    Ok(Json(Shown::Job(Box::new(job))))
}

/// The view of a job that is not a run.
pub fn letter(job: Job, prefix: &str) -> LetterView {
    LetterView {
        id: job.id,
        kind: job.kind.clone(),
        status: match job.state {
            JobState::Waiting => RunStatus::Queued,
            JobState::Running => RunStatus::InProgress,
            JobState::Dead => RunStatus::Failed,
        },
        args: job.payload.clone(),
        completed_at: job.finished_at,
        error: job.last_error.clone(),
        links: Links::of(prefix, job.id),
        queue: queue_view(job),
    }
}

/// The queue's view; none if its store is unreachable, since the run's row alone is enough.
async fn in_queue(queue: &RunQueue, id: Uuid) -> Option<QueueView> {
    match timeout(PATIENCE, queue.get(id)).await {
        Ok(Ok(job)) => job.map(queue_view),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a job is shown without the queue's view");
            None
        }
        Err(_) => None,
    }
}

/// The view of a run. While it is not over, the queue is asked for its job.
pub async fn view(
    db: &DatabaseConnection,
    queue: Option<&RunQueue>,
    run: sync_history::Model,
    prefix: &str,
) -> Result<JobView, DbErr> {
    let sync = sync_config::Entity::find_by_id(run.sync_config_id)
        .find_also_related(project::Entity)
        .one(db)
        .await?;
    let attempts = sync_attempt::Entity::find()
        .filter(sync_attempt::Column::RunId.eq(run.run_uid))
        .order_by_asc(sync_attempt::Column::Attempt)
        .all(db)
        .await?;
    let queue = match queue.filter(|_| run.completed_at.is_none()) {
        Some(queue) => in_queue(queue, run.run_uid).await,
        None => None,
    };
    let (sync, project) = sync.unzip();
    let details = details(&run);
    Ok(JobView {
        counts: ItemCounts::from(&run),
        id: run.run_uid,
        config_id: run.sync_config_id,
        sync: sync.map(|sync| sync.name),
        project: project.flatten().map(|project| project.key),
        kind: run.kind,
        method: run.sync_type,
        priority: run.priority,
        status: run.status,
        success: run.success,
        args: run.args,
        queued_at: run.queued_at,
        not_before: run.not_before,
        tick_at: run.tick_at,
        dispatched_at: run.dispatched_at,
        started_at: run.started_at,
        completed_at: run.completed_at,
        duration_ms: run.duration_ms,
        error: run.error_message,
        dead_reason: run.dead_reason,
        cancel_requested: run.cancel_requested_at.is_some(),
        details,
        correlation_id: run.correlation_id,
        attempts: attempts.into_iter().map(attempt_view).collect(),
        queue,
        links: Links {
            this: address(prefix, run.run_uid),
            parent: run.parent_run_id.map(|id| address(prefix, id)),
        },
    })
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
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        run_at: job.run_at,
        worker: job.worker_id,
        lease_until: job.lease_until,
        cancel_requested: job.cancel_requested,
        progress: job.progress,
        last_error: job.last_error,
        dead_reason: job.dead_reason,
    }
}
