//! `POST /api/v1/jobs`: a sync looked up, a run accepted.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header::LOCATION},
    response::IntoResponse,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use syncline_engine::hash::digest;
use syncline_entity::types::{Priority as StoredPriority, RunKind, RunStatus};
use syncline_runs::{RunArgs, queue_priority};
use syncline_service::{
    Error, Unknown,
    runs::{Enqueued, Request, enqueue},
    syncs::find_in,
};
use uuid::{Builder, Uuid};

use super::{Links, address};
use crate::{extract::JsonBody, problem::Problem, state::ApiState};

/// A run to put in line. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// The sync, by name.
    pub sync: String,
    /// Its project.
    #[serde(default = "default_project")]
    pub project: String,
    /// What the run does.
    #[serde(default)]
    pub kind: JobKind,
    /// How urgent it is; by default as urgent as the sync says.
    pub priority: Option<StoredPriority>,
    /// Read both sides whole.
    #[serde(default)]
    pub full: bool,
    /// Act on absences at once.
    #[serde(default)]
    pub confirm_deletes: bool,
    /// So many deletes are agreed to, past the guard.
    pub allow_deletes: Option<u64>,
    /// The job's id, where the caller chooses it (a UUID): the same request once more is the same job.
    pub id: Option<Uuid>,
    /// Not before so many seconds have passed.
    pub delay: Option<u64>,
    /// Not before this time.
    pub not_before: Option<DateTime<Utc>>,
}

fn default_project() -> String {
    "default".to_owned()
}

/// What a run can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Plan and apply.
    #[default]
    Sync,
    /// Plan only.
    Plan,
}

/// A job that was put in line, or found there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcceptedJob {
    /// Its id, and its run's.
    pub id: Uuid,
    /// The sync.
    pub sync: String,
    /// The sync's project.
    pub project: String,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub status: RunStatus,
    /// The same was waiting already, and this is that one.
    pub joined: bool,
    /// Where to read on.
    pub links: Links,
}

pub(crate) async fn create(
    State(api): State<ApiState>,
    headers: HeaderMap,
    JsonBody(mut asked): JsonBody<NewJob>,
) -> Result<impl IntoResponse, Problem> {
    if asked.id.is_none() {
        asked.id = id_of_key(&headers)?;
    }
    let request = request(&asked)?;
    let sync = find_in(&api.db, &asked.project, &asked.sync).await.map_err(|error| unknown(error, &asked))?;
    let enqueued =
        enqueue(&api.db, &api.queue, &sync, &request).await.map_err(|error| unknown(error, &asked))?;
    Ok(answer(sync.row.name, asked.project, asked.kind, &enqueued))
}

type Answer = (StatusCode, [(HeaderName, String); 1], Json<AcceptedJob>);

fn answer(sync: String, project: String, kind: JobKind, enqueued: &Enqueued) -> Answer {
    let Enqueued { id, status, joined } = *enqueued;
    let links = Links { this: address(id), parent: None };
    let location = [(LOCATION, links.this.clone())];
    (StatusCode::ACCEPTED, location, Json(AcceptedJob { id, sync, project, kind, status, joined, links }))
}

/// The id that an `Idempotency-Key` stands for: a UUID itself, any other key by its hash.
fn id_of_key(headers: &HeaderMap) -> Result<Option<Uuid>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let text = key.to_str().ok().map(str::trim).filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY);
    let Some(text) = text else {
        let detail = format!("Idempotency-Key is not 1 to {LONGEST_KEY} characters of ASCII");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-header", "Invalid header", detail));
    };
    if let Ok(id) = text.parse() {
        return Ok(Some(id));
    }
    let hash = digest(text.as_bytes());
    let bytes = hash.get(..32).and_then(|hex| Uuid::try_parse(hex).ok()).unwrap_or_default().into_bytes();
    Ok(Some(Builder::from_custom_bytes(bytes).into_uuid()))
}

/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;

/// The names of the request are the caller's own, so the problem names its fields.
fn unknown(error: Error, asked: &NewJob) -> Problem {
    match error {
        Error::Unknown { what: Unknown::Project, .. } => {
            let detail = format!("There is no project {:?}", asked.project);
            Problem::new(StatusCode::NOT_FOUND, "unknown-project", "Unknown project", &*detail)
                .with_field("project", detail)
        }
        Error::Unknown { what: Unknown::Sync, .. } => unknown_sync(&asked.sync, Some(&asked.project)),
        other => other.into(),
    }
}

/// There is no such sync, and what to do.
pub(crate) fn unknown_sync(sync: &str, project: Option<&str>) -> Problem {
    let place = project.map(|project| format!(" in the project {project:?}")).unwrap_or_default();
    let detail = format!(
        "There is no sync {sync:?}{place}. GET /api/v1/sync/stats lists those there are; \
         `syncline apply -f FILE` adds one"
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-sync", "Unknown sync", &*detail).with_field("sync", detail)
}

fn request(asked: &NewJob) -> Result<Request, Problem> {
    let not_before = match (asked.delay, asked.not_before) {
        (Some(_), Some(_)) => return Err(invalid("delay", "stands beside not_before; give one of them")),
        (Some(seconds), None) => {
            let delay = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
            let time = delay.filter(|delay| *delay <= LONGEST_DELAY).map(|delay| Utc::now() + delay);
            Some(time.ok_or_else(|| invalid("delay", "is more than ten years"))?)
        }
        (None, time) => time,
    };
    Ok(Request {
        kind: match asked.kind {
            JobKind::Sync => RunKind::Sync,
            JobKind::Plan => RunKind::Plan,
        },
        args: RunArgs {
            full: asked.full,
            confirm_deletes: asked.confirm_deletes,
            allow_deletes: asked.allow_deletes,
            ..RunArgs::default()
        },
        priority: asked.priority.map(queue_priority),
        not_before,
        fixed_time: asked.not_before.is_some(),
        id: asked.id,
        waits_for_pauses: false,
    })
}

/// No job waits longer.
const LONGEST_DELAY: TimeDelta = TimeDelta::days(3_660);

fn invalid(field: &str, detail: &str) -> Problem {
    let whole = format!("{field}: {detail}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", whole)
        .with_field(field, detail)
}
