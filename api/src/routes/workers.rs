//! `/api/v1/workers`: the processes that run jobs on this database.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use syncline_entity::worker::{self, Seen};
use syncline_service::workers;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::By,
    extract::{InPath, StrictQuery},
    page::{self, ShortListQuery},
    problem::Problem,
    schema::one_of,
    state::ApiState,
};

/// The registered workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "workers": [{
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "name": "desk-4711", "role": "up", "host": "desk", "pid": 4711, "version": "1.2.3",
    "schema_version": "m20261130_000100_people", "standing": "live", "queues": ["default"], "concurrency": 4, "running": 1, "stopping": false, "draining": false, "live": true, "silent_ms": 1200,
    "since": "2026-11-20T13:44:17.832345Z", "last_heartbeat": "2026-11-20T14:44:17.832345Z",
}], "next_cursor": null })))]
pub struct WorkerList {
    /// The oldest first.
    pub workers: Vec<WorkerView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerView {
    /// The id of this registration.
    pub id: Uuid,
    /// The name in jobs and attempts.
    pub name: String,
    /// The command of the process: `up`, `worker` and others.
    pub role: String,
    /// The host name of its machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// The newest migration that the program knows.
    pub schema_version: String,
    /// live; stopping: it ends when its jobs have ended; silent: it has missed several heartbeats; dead: its process is
    /// gone, as a command on its machine sees.
    #[schema(schema_with = standings)]
    pub standing: &'static str,
    pub queues: Value,
    /// The most jobs that it runs at once.
    pub concurrency: i32,
    /// Running jobs at its last heartbeat.
    pub running: i32,
    /// True if it takes no more jobs.
    pub stopping: bool,
    /// True if it was asked to end; it hears of this with its next heartbeat.
    pub draining: bool,
    /// True if its last heartbeat is recent enough.
    pub live: bool,
    /// Milliseconds since the last heartbeat.
    pub silent_ms: i64,
    pub since: Option<DateTime<Utc>>,
    pub last_heartbeat: Option<DateTime<Utc>>,
}

fn standings() -> utoipa::openapi::Schema {
    one_of(["live", "stopping", "silent", "dead"])
}

/// List the processes that run jobs
#[utoipa::path(
    get,
    path = "/api/v1/workers",
    operation_id = "list_workers",
    tag = "installation",
    params(ShortListQuery),
    responses((status = 200, description = "The registered workers.", body = WorkerList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    StrictQuery(ShortListQuery { limit, cursor }): StrictQuery<ShortListQuery>,
) -> Result<Json<WorkerList>, Problem> {
    let after = page::place(&api, &"workers", cursor.as_deref()).await?;
    let mut seen = worker::all(&api.db).await?;
    let next = page::cut(&mut seen, limit, after, |seen| (seen.worker.started_at, seen.worker.id));
    Ok(Json(WorkerList {
        workers: seen.into_iter().map(view).collect(),
        next_cursor: page::next_place(&api, &"workers", next.as_ref()).await?,
    }))
}

/// The view of a worker.
pub fn view(seen: Seen) -> WorkerView {
    let live = seen.is_live();
    let standing = match (live, seen.worker.stopping) {
        (true, false) => "live",
        (true, true) => "stopping",
        (false, _) => "silent",
    };
    let Seen { worker, silent } = seen;
    WorkerView {
        id: worker.id,
        name: worker.name,
        role: worker.role,
        host: worker.host,
        pid: worker.pid,
        version: worker.version,
        schema_version: worker.schema_version,
        standing,
        queues: worker.queues,
        concurrency: worker.concurrency,
        running: worker.running,
        stopping: worker.stopping,
        draining: worker.draining,
        live,
        silent_ms: (silent / 1000).max(0),
        since: DateTime::from_timestamp_micros(worker.started_at),
        last_heartbeat: DateTime::from_timestamp_micros(worker.heartbeat_at),
    }
}

/// The result of asking a worker to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "name": "desk-4711", "draining": true, "changed": true,
})))]
pub struct DrainDone {
    pub id: Uuid,
    pub name: String,
    pub draining: bool,
    /// True if this request changed that.
    pub changed: bool,
}

/// Ask a worker to end when its present jobs have ended
///
/// It hears of this with its next heartbeat, takes no more jobs, and ends as on a SIGTERM, with its process.
#[utoipa::path(
    post,
    path = "/api/v1/workers/{id}/drain",
    operation_id = "drain_worker",
    tag = "installation",
    params(("id" = String, Path, description = "The id of the worker, or its name.")),
    responses((status = 202, description = "The worker ends, or does so already.", body = DrainDone)),
)]
pub(crate) async fn drain(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
) -> Result<(StatusCode, Json<DrainDone>), Problem> {
    let (worker, changed) = workers::drain(&api.db, &caller, &id).await?;
    let done = DrainDone { id: worker.id, name: worker.name, draining: worker.draining, changed };
    Ok((StatusCode::ACCEPTED, Json(done)))
}
