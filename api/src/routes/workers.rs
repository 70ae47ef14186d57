//! `GET /api/v1/workers`: the processes that run jobs on this database.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use syncline_entity::worker::{self, Seen};
use uuid::Uuid;

use crate::{problem::Problem, state::ApiState};

/// The workers on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerList {
    /// Each of them, the oldest first.
    pub workers: Vec<WorkerView>,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerView {
    /// Of this registration.
    pub id: Uuid,
    /// As jobs and attempts name it.
    pub name: String,
    /// The command it is.
    pub role: String,
    /// The machine.
    pub host: String,
    /// The process there.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// The queues it serves.
    pub queues: Value,
    /// Jobs at once, at most.
    pub concurrency: i32,
    /// Jobs at its last beat.
    pub running: i32,
    /// It takes no more jobs.
    pub stopping: bool,
    /// Its last beat is as young as a living worker's.
    pub live: bool,
    /// Milliseconds since its last beat.
    pub silent_ms: i64,
    /// When it registered.
    pub since: Option<DateTime<Utc>>,
}

pub(crate) async fn list(State(api): State<ApiState>) -> Result<Json<WorkerList>, Problem> {
    let seen = worker::all(&api.db).await?;
    Ok(Json(WorkerList { workers: seen.into_iter().map(view).collect() }))
}

fn view(seen: Seen) -> WorkerView {
    let live = seen.is_live();
    let Seen { worker, silent } = seen;
    WorkerView {
        id: worker.id,
        name: worker.name,
        role: worker.role,
        host: worker.host,
        pid: worker.pid,
        version: worker.version,
        queues: worker.queues,
        concurrency: worker.concurrency,
        running: worker.running,
        stopping: worker.stopping,
        live,
        silent_ms: silent / 1000,
        since: DateTime::from_timestamp_micros(worker.started_at),
    }
}
