//! `GET /api/v1/queues`, and pausing a queue.

use axum::{Json, extract::State, response::Response};
use serde::{Deserialize, Serialize};
use syncline_runs::pause::Subject;
use syncline_service::{
    pauses,
    queues::{self, ClassCounts, QueueCounts, Scale},
};
use utoipa::ToSchema;

use crate::{
    access::By,
    extract::{InPath, MaybeJson},
    lately::answered,
    problem::Problem,
    schema::priority,
    state::ApiState,
};

/// All queues.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "queues": [{ "queue": "default", "paused": false, "limit": 100000, "priorities": [
    { "priority": "high", "queued": 3, "delayed": 1, "undispatched": 0, "in_progress": 2, "dead": 0, "oldest_seconds": 4.2 },
] }] })))]
pub struct QueueList {
    pub queues: Vec<Queue>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Queue {
    pub queue: String,
    /// True if no job of it begins.
    pub paused: bool,
    /// How many jobs may wait.
    pub limit: u64,
    /// Its jobs by priority, the most urgent first.
    pub priorities: Vec<QueueClass>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QueueClass {
    #[schema(schema_with = priority)]
    pub priority: &'static str,
    /// Jobs that have not begun or wait for a retry, including the delayed and undispatched ones.
    pub queued: u64,
    /// Queued jobs that are not due yet.
    pub delayed: u64,
    /// Queued runs that the queue does not have: their sync is paused, or the queue could not be reached.
    pub undispatched: u64,
    /// Jobs that workers run.
    pub in_progress: u64,
    /// Dead letters: failed jobs that were neither replayed nor discarded.
    pub dead: u64,
    /// Seconds since the earliest queued job became due.
    pub oldest_seconds: Option<f64>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(examples(json!({ "reason": "the platform is being moved" })))]
pub struct PauseReason {
    /// A text for display.
    pub reason: Option<String>,
}

/// The result of a pause or resume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "paused": true, "changed": true })))]
pub struct PauseDone {
    /// True if it is paused now.
    pub paused: bool,
    /// True if this request changed that.
    pub changed: bool,
}

/// List the queues, with their jobs by priority
#[utoipa::path(
    get,
    path = "/api/v1/queues",
    operation_id = "list_queues",
    tag = "queues",
    responses((status = 200, description = "All queues.", body = QueueList)),
)]
pub(crate) async fn list(State(api): State<ApiState>) -> Result<Response, Problem> {
    let (db, queue) = (api.db.clone(), api.queue.clone());
    let counting = async move {
        let queues = queues::counts(&db, &queue).await?;
        Ok(QueueList { queues: queues.into_iter().map(view).collect() })
    };
    answered(&api, &"queues", jobs, counting).await
}

fn jobs(list: &QueueList) -> u64 {
    let of = |class: &QueueClass| class.queued + class.in_progress + class.dead;
    list.queues.iter().flat_map(|queue| &queue.priorities).map(of).sum()
}

/// The view of a queue.
pub fn view(queue: QueueCounts) -> Queue {
    let class = |class: &ClassCounts| QueueClass {
        priority: class.priority.as_str(),
        queued: class.queued,
        delayed: class.delayed,
        undispatched: class.undispatched,
        in_progress: class.in_progress,
        dead: class.dead,
        oldest_seconds: class.oldest.map(|oldest| oldest.as_secs_f64()),
    };
    let priorities = queue.classes.iter().map(class).collect();
    Queue { queue: queue.name, paused: queue.paused, limit: queue.limit, priorities }
}

/// Let no job of a queue begin
#[utoipa::path(
    post,
    path = "/api/v1/queues/{name}/pause",
    operation_id = "pause_queue",
    tag = "queues",
    params(("name" = String, Path, description = "The name of the queue, such as `default`.")),
    request_body = Option<PauseReason>,
    responses((status = 200, description = "The queue is paused.", body = PauseDone)),
)]
pub(crate) async fn pause(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(name): InPath<String>,
    MaybeJson(PauseReason { reason }): MaybeJson<PauseReason>,
) -> Result<Json<PauseDone>, Problem> {
    let subject = (Subject::Queue(name), None);
    let changed = pauses::pause(&api.db, &api.queue, &caller, subject, reason).await?;
    Ok(Json(PauseDone { paused: true, changed }))
}

/// Let the jobs of a queue begin again
#[utoipa::path(
    post,
    path = "/api/v1/queues/{name}/resume",
    operation_id = "resume_queue",
    tag = "queues",
    params(("name" = String, Path, description = "The name of the queue, such as `default`.")),
    responses((status = 200, description = "The queue is no longer paused.", body = PauseDone)),
)]
pub(crate) async fn resume(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(name): InPath<String>,
) -> Result<Json<PauseDone>, Problem> {
    let subject = (Subject::Queue(name), None);
    let changed = pauses::resume(&api.db, &api.queue, &caller, subject).await?;
    Ok(Json(PauseDone { paused: false, changed }))
}

/// What a queue has to do now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "queue": "default", "runnable": 12, "running": 4, "wanted_slots": 16, "slots": 8, "oldest_seconds": 1.5,
})))]
pub struct QueueScale {
    pub queue: String,
    /// Due jobs that free slots could begin; of jobs that run one after the other, such as those of one sync, one at a
    /// time. 0 while the queue is paused.
    #[schema(minimum = 0)]
    pub runnable: u64,
    #[schema(minimum = 0)]
    pub running: u64,
    /// The slots that would be busy now if there were enough.
    #[schema(minimum = 0)]
    pub wanted_slots: u64,
    /// The slots of the workers that take jobs of this queue.
    #[schema(minimum = 0)]
    pub slots: u64,
    /// Seconds since the earliest runnable job became due.
    pub oldest_seconds: f64,
}

/// Tell how many slots the jobs of a queue need
#[utoipa::path(
    get,
    path = "/api/v1/queues/{name}/scale",
    operation_id = "scale_queue",
    tag = "queues",
    params(("name" = String, Path, description = "The name of the queue.")),
    responses((status = 200, description = "What the queue has to do now.", body = QueueScale)),
)]
pub(crate) async fn scale(
    State(api): State<ApiState>,
    InPath(name): InPath<String>,
) -> Result<Json<QueueScale>, Problem> {
    let scale = queues::scale(&api.db, &api.queue, &name).await?;
    Ok(Json(scale_view(name, &scale)))
}

/// The view of what a queue has to do.
pub fn scale_view(queue: String, scale: &Scale) -> QueueScale {
    QueueScale {
        queue,
        runnable: scale.runnable,
        running: scale.running,
        wanted_slots: scale.wanted_slots,
        slots: scale.slots,
        oldest_seconds: scale.oldest.as_secs_f64(),
    }
}
