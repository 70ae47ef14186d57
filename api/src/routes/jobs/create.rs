//! `POST /api/v1/jobs`: a sync looked up, a run accepted.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::IntoResponse,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use syncline_engine::spec::SyncSpec;
use syncline_entity::{
    project, sync_config,
    types::{Priority as StoredPriority, RunKind, RunStatus, SyncMethod},
};
use syncline_queue::outbox::{self, Accepted, NewRun, RunArgs, pause};
use uuid::Uuid;

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
    JsonBody(asked): JsonBody<NewJob>,
) -> Result<impl IntoResponse, Problem> {
    let config = find(&api, &asked).await?;
    if pause::is_paused(&api.db, config.id).await? {
        let detail = format!("The sync {:?} is paused; resume it before running it", config.name);
        return Err(Problem::new(StatusCode::CONFLICT, "sync-paused", "Sync paused", detail));
    }
    let run = new_run(&config, &asked)?;
    let accepted = outbox::accept(&api.db, &api.queue, &run).await?;
    let (id, joined) = match accepted {
        Accepted::New(id) => (id, false),
        Accepted::Joined(id) => (id, true),
        Accepted::TickTaken => return Err(Problem::internal(&NoTick)),
    };
    let links = Links { this: address(id), parent: None };
    let location = [(LOCATION, links.this.clone())];
    let job = AcceptedJob {
        id,
        sync: config.name,
        project: asked.project,
        kind: asked.kind,
        status: RunStatus::Queued,
        joined,
        links,
    };
    Ok((StatusCode::ACCEPTED, location, Json(job)))
}

async fn find(api: &ApiState, asked: &NewJob) -> Result<sync_config::Model, Problem> {
    let Some(project) = project::by_key(&api.db, &asked.project).await? else {
        let detail = format!("There is no project {:?}", asked.project);
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-project", "Unknown project", &*detail)
            .with_field("project", detail));
    };
    match sync_config::by_name(&api.db, project.id, &asked.sync).await? {
        Some(config) => Ok(config),
        None => Err(unknown_sync(&asked.sync, Some(&asked.project))),
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

/// A run of a sync with the sync's own settings, as far as the request says nothing else.
fn new_run(config: &sync_config::Model, asked: &NewJob) -> Result<NewRun, Problem> {
    let kind = match asked.kind {
        JobKind::Sync => RunKind::Sync,
        JobKind::Plan => RunKind::Plan,
    };
    // A worker would find out as well, but then it would be nobody's answer.
    let readable = serde_json::from_value::<SyncSpec>(config.config_json.clone());
    let run = readable.and_then(|_| NewRun::of(config, kind, SyncMethod::Manual)).map_err(|error| {
        tracing::error!(sync = config.name, %error, "the stored document cannot be read");
        let detail = format!(
            "This version cannot read the stored document of the sync {:?}; apply it again",
            config.name
        );
        Problem::new(StatusCode::CONFLICT, "unreadable-sync", "Unreadable sync", detail)
    })?;
    let args = RunArgs {
        full: asked.full,
        confirm_deletes: asked.confirm_deletes,
        allow_deletes: asked.allow_deletes,
        ..RunArgs::default()
    };
    let priority = asked.priority.map_or(run.priority, Into::into);
    let not_before = match (asked.delay, asked.not_before) {
        (Some(_), Some(_)) => return Err(invalid("delay", "stands beside not_before; give one of them")),
        (Some(seconds), None) => {
            let delay = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
            let time = delay.filter(|delay| *delay <= LONGEST_DELAY).map(|delay| Utc::now() + delay);
            Some(time.ok_or_else(|| invalid("delay", "is more than ten years"))?)
        }
        (None, time) => time,
    };
    Ok(NewRun { args, priority, not_before, id: asked.id, ..run })
}

/// No job waits longer.
const LONGEST_DELAY: TimeDelta = TimeDelta::days(3_660);

fn invalid(field: &str, detail: &str) -> Problem {
    let whole = format!("{field}: {detail}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", whole)
        .with_field(field, detail)
}

/// Only a run of a schedule can find its tick taken.
#[derive(Debug)]
struct NoTick;

impl std::fmt::Display for NoTick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a run without a schedule found its tick taken")
    }
}

impl std::error::Error for NoTick {}
