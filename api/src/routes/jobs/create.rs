//! `POST /api/v1/jobs`: a sync looked up, a run accepted.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header::LOCATION},
    response::IntoResponse,
};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use syncline_engine::{hash::digest, spec::SyncSpec};
use syncline_entity::{
    project, sync_config, sync_history,
    types::{Priority as StoredPriority, RunKind, RunStatus, SyncMethod},
};
use syncline_runs::{Accepted, NewRun, RunArgs, holding::holding, pause::Subject, queue_priority};
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
    let config = find(&api, &asked).await?;
    let run = new_run(&config, &asked)?;
    // The first answer to a request stands, also while its sync is paused.
    if let Some(first) = first_answer(&api, &run, &asked).await? {
        return Ok(answer(config.name, asked.project, asked.kind, &first));
    }
    refuse_paused(&api, &config, &asked).await?;
    let accepted = syncline_runs::accept(&api.db, &api.queue, &run).await?;
    let (id, joined) = match accepted {
        Accepted::New(id) => (id, false),
        Accepted::Joined(id) => (id, true),
        Accepted::TickTaken => return Err(Problem::internal(&NoTick)),
    };
    // Two requests with one id may come at once: the second is compared with what the first has written.
    if joined && let Some(first) = first_answer(&api, &run, &asked).await? {
        return Ok(answer(config.name, asked.project, asked.kind, &first));
    }
    let status = if joined { status(&api, id).await? } else { RunStatus::Queued };
    Ok(answer(config.name, asked.project, asked.kind, &Standing { id, status, joined }))
}

/// Where an accepted run stands.
struct Standing {
    id: Uuid,
    status: RunStatus,
    joined: bool,
}

type Answer = (StatusCode, [(HeaderName, String); 1], Json<AcceptedJob>);

fn answer(sync: String, project: String, kind: JobKind, standing: &Standing) -> Answer {
    let Standing { id, status, joined } = *standing;
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

/// The run that has the request's id already. Refuses an id that was used for something else.
async fn first_answer(api: &ApiState, run: &NewRun, asked: &NewJob) -> Result<Option<Standing>, Problem> {
    let Some(id) = asked.id else { return Ok(None) };
    let Some(row) = sync_history::by_run(&api.db, id).await? else { return Ok(None) };
    let args = serde_json::to_value(&run.args).unwrap_or_default();
    // A delay counts from each request, so it is no part of what was asked.
    let time =
        asked.not_before.is_none() || row.not_before == run.not_before.map(|time| time.trunc_subsecs(6));
    let priority = asked.priority.is_none_or(|priority| priority == row.priority);
    let same = row.sync_config_id == run.sync_config_id && row.kind == run.kind && row.args == args;
    if same && time && priority {
        return Ok(Some(Standing { id, status: row.status, joined: true }));
    }
    let detail = format!(
        "The id {id} was used for another request: a {} with the arguments {}. Choose a new id",
        row.kind, row.args
    );
    Err(Problem::new(StatusCode::CONFLICT, "id-used", "Id used", &*detail).with_field("id", detail))
}

async fn status(api: &ApiState, id: Uuid) -> Result<RunStatus, Problem> {
    let row = sync_history::by_run(&api.db, id).await?;
    Ok(row.map_or(RunStatus::Queued, |row| row.status))
}

/// Refuses a run that a pause keeps from beginning.
async fn refuse_paused(api: &ApiState, config: &sync_config::Model, asked: &NewJob) -> Result<(), Problem> {
    let name = match asked.project.as_str() {
        "default" => config.name.clone(),
        project => format!("{project}/{}", config.name),
    };
    let Some(holding) = holding(&api.db, config, &name).await? else { return Ok(()) };
    let (code, title) = match &holding.paused.subject {
        Subject::Queue(_) => ("queue-paused", "Queue paused"),
        _ => ("sync-paused", "Sync paused"),
    };
    Err(Problem::new(StatusCode::CONFLICT, code, title, holding.to_string()))
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
    let priority = asked.priority.map_or(run.priority, queue_priority);
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
