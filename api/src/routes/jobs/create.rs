//! `POST /api/v1/jobs`: accepts a run of a sync.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use syncline_engine::Side;
use syncline_entity::types::{Priority as StoredPriority, RunKind, RunStatus};
use syncline_runs::{RunArgs, queue_priority};
use syncline_service::{
    Error, Unknown,
    runs::{Enqueued, Request, enqueue},
    syncs::find_seen,
};
use utoipa::{
    ToSchema,
    openapi::schema::{ArrayBuilder, ObjectBuilder, Type},
};
use uuid::Uuid;

use super::{
    Links,
    many::{AcceptedJobs, NewJobs, create_many},
};
use crate::{
    access::By,
    extract::JsonBody,
    json::read,
    problem::Problem,
    repeat::id_of,
    schema::{maybe_words, one_of, words},
    state::ApiState,
};

/// A run to enqueue. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "sync": "tasks", "priority": "high" })))]
pub struct NewJob {
    /// The sync's name.
    pub sync: String,
    /// The sync's project; by default the token's, or `default`.
    pub project: Option<String>,
    #[serde(default)]
    pub kind: JobKind,
    /// The priority; by default that of the sync.
    #[schema(schema_with = maybe_words::<StoredPriority>)]
    pub priority: Option<StoredPriority>,
    /// Read both sides completely.
    #[serde(default)]
    pub full: bool,
    /// Treat missing items as deleted at once.
    #[serde(default)]
    pub confirm_deletes: bool,
    /// Consent to this many deletes, past the guard.
    #[schema(maximum = 18446744073709551615_u64, format = "uint64")]
    pub allow_deletes: Option<u64>,
    /// Consent to the deletes of these items alone, by the id of either item of their links.
    #[serde(default)]
    pub allow_deletes_of: Vec<String>,
    /// Only these items of one side.
    pub items: Option<Items>,
    /// The job's id, if the caller chooses it: a second request with the same id finds the same job.
    pub id: Option<Uuid>,
    /// Seconds until the run may begin.
    #[schema(maximum = 316224000)]
    pub delay: Option<u64>,
    /// The run begins no earlier than this.
    pub not_before: Option<DateTime<Utc>>,
    /// Accept the run also while a pause keeps it from beginning: it begins when that ends.
    #[serde(default)]
    pub waits_for_pauses: bool,
}

impl NewJob {
    fn consents(&self) -> bool {
        self.allow_deletes.is_some() || !self.allow_deletes_of.is_empty()
    }
}

/// Items of one side, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
    #[schema(schema_with = sides)]
    pub side: Side,
    #[schema(schema_with = ids)]
    pub ids: Vec<String>,
}

fn ids() -> utoipa::openapi::Schema {
    let id = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ArrayBuilder::new().items(id).min_items(Some(1)).build().into()
}

fn sides() -> utoipa::openapi::Schema {
    one_of(["source", "target"])
}

/// The kinds of run that can be requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Plan and apply.
    #[default]
    Sync,
    /// Plan only.
    Plan,
}

/// A job that was enqueued, or found in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "sync": "tasks", "project": "default", "kind": "sync", "status": "queued", "joined": false,
    "links": { "self": "/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "parent": null },
})))]
pub struct AcceptedJob {
    /// The id of the job and of its run.
    pub id: Uuid,
    /// The sync's name.
    pub sync: String,
    pub project: String,
    pub kind: JobKind,
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// True if the same run was waiting already, and this is that one.
    pub joined: bool,
    pub links: Links,
}

/// One job, or several.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "the document has it; the handler reads either")]
enum OneOrMany {
    One(NewJob),
    Several(NewJobs),
}

/// Put runs of syncs in line: one, or up to 1,000 in one transaction
///
/// Of several jobs, each is accepted or refused, and the response has the result of each in the order of the request. If the
/// queue has no room for all of them, none is accepted.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    operation_id = "create_job",
    tag = "jobs",
    request_body = OneOrMany,
    responses(
        (
            status = 202,
            description = "The run waits, or waited already.",
            body = AcceptedJob,
            headers(("Location" = String, description = "The path of the job.")),
        ),
        (status = 207, description = "Of several jobs: what became of each.", body = AcceptedJobs),
    ),
)]
pub(crate) async fn create(
    State(api): State<ApiState>,
    By(caller): By,
    headers: HeaderMap,
    JsonBody(mut body): JsonBody<Map<String, Value>>,
) -> Result<Response, Problem> {
    if let Some(jobs) = body.remove("jobs") {
        if let Some(other) = body.keys().next() {
            return Err(invalid(other, "stands beside jobs; it belongs into an entry of that list"));
        }
        return create_many(&api, &caller, &headers, jobs).await;
    }
    let mut asked: NewJob = read(Value::Object(body))?;
    if asked.id.is_none() {
        asked.id = id_of(&caller, &headers)?;
    }
    let request = request(&asked)?;
    let sync = find_seen(&api.db, &caller, asked.project.as_deref(), &asked.sync).await;
    let sync = sync.map_err(|error| unknown(error, &asked))?;
    let enqueued = enqueue(&api.db, &api.queue, &caller, &sync, &request)
        .await
        .map_err(|error| unknown(error, &asked))?;
    let job = accepted(api.hosts.prefix(), sync.row.name, sync.project, asked.kind, &enqueued);
    let location = [(LOCATION, job.links.this.clone())];
    Ok((StatusCode::ACCEPTED, location, Json(job)).into_response())
}

/// The view of a job that was accepted, on a server whose paths have a prefix.
pub fn accepted(
    prefix: &str,
    sync: String,
    project: String,
    kind: JobKind,
    enqueued: &Enqueued,
) -> AcceptedJob {
    let Enqueued { id, status, joined } = *enqueued;
    let links = Links::of(prefix, id);
    AcceptedJob { id, sync, project, kind, status, joined, links }
}

/// Converts an error; an unknown sync is reported with the names in the request.
pub(super) fn unknown(error: Error, asked: &NewJob) -> Problem {
    match error {
        Error::Unknown { what: Unknown::Project, .. } => {
            let project = asked.project.as_deref().unwrap_or("default");
            let detail = format!("There is no project {project:?}");
            Problem::new(StatusCode::NOT_FOUND, "unknown-project", "Unknown project", &*detail)
                .with_field("project", detail)
        }
        Error::Unknown { what: Unknown::Sync, .. } => {
            unknown_sync(&asked.sync, Some(asked.project.as_deref().unwrap_or("default")))
        }
        other => other.into(),
    }
}

/// The problem for a sync that does not exist, with the remedy.
pub(crate) fn unknown_sync(sync: &str, project: Option<&str>) -> Problem {
    let place = project.map(|project| format!(" in the project {project:?}")).unwrap_or_default();
    let detail = format!(
        "There is no sync {sync:?}{place}. GET /api/v1/sync/configs lists those there are; \
         POST /api/v1/sync/configs or syncline apply -f FILE adds one"
    );
    Problem::new(StatusCode::NOT_FOUND, "unknown-sync", "Unknown sync", &*detail).with_field("sync", detail)
}

pub(crate) fn request(asked: &NewJob) -> Result<Request, Problem> {
    let not_before = match (asked.delay, asked.not_before) {
        (Some(_), Some(_)) => return Err(invalid("delay", "stands beside not_before; give one of them")),
        (Some(seconds), None) => {
            let delay = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
            let time = delay.filter(|delay| *delay <= LONGEST_DELAY).map(|delay| Utc::now() + delay);
            Some(time.ok_or_else(|| invalid("delay", "is more than ten years"))?)
        }
        (None, time) => time,
    };
    if asked.allow_deletes_of.iter().any(String::is_empty) {
        return Err(invalid("allow_deletes_of", "names an item with an empty id; give the ids of items"));
    }
    if asked.allow_deletes.is_some() && !asked.allow_deletes_of.is_empty() {
        return Err(invalid("allow_deletes_of", "stands beside allow_deletes; give one of them"));
    }
    let args = match &asked.items {
        Some(Items { ids, .. }) if ids.is_empty() || ids.iter().any(String::is_empty) => {
            return Err(invalid("items.ids", "names no item; give the ids of one or more"));
        }
        Some(_) if asked.full || asked.confirm_deletes || asked.consents() => {
            let why = "stands beside full, confirm_deletes or allow_deletes, which are about whole sides";
            return Err(invalid("items", why));
        }
        Some(Items { side, ids }) => RunArgs::of_items(*side, ids.clone()),
        None => RunArgs {
            full: asked.full,
            confirm_deletes: asked.confirm_deletes,
            allow_deletes: asked.allow_deletes,
            allow_deletes_of: asked.allow_deletes_of.clone(),
            ..RunArgs::default()
        },
    };
    Ok(Request {
        kind: match asked.kind {
            JobKind::Sync => RunKind::Sync,
            JobKind::Plan => RunKind::Plan,
        },
        args,
        priority: asked.priority.map(queue_priority),
        not_before,
        fixed_time: asked.not_before.is_some(),
        id: asked.id,
        waits_for_pauses: asked.waits_for_pauses,
    })
}

/// The longest delay of a job.
const LONGEST_DELAY: TimeDelta = TimeDelta::days(3_660);

pub(super) fn invalid(field: &str, detail: &str) -> Problem {
    let whole = format!("{field}: {detail}");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", whole)
        .with_pointer(&format!("/{}", field.replace('.', "/")), detail)
}
