//! `GET /api/v1/jobs`, `GET /api/v1/dead`: jobs that are not over, and dead ones.

use std::{collections::HashMap, time::Duration};

use axum::{Json, extract::State, http::StatusCode, response::Response};
use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DbErr};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use syncline_entity::types::RunStatus;
use syncline_queue::Error as QueueError;
use syncline_runs::{
    RUN_QUEUE,
    listing::{self, Listed, Listing, Standing},
};
use syncline_service::{
    Caller, Error,
    filter::jobs::of_jobs,
    syncs::{self, NamedSync, find_seen},
};
use utoipa::{IntoParams, ToSchema, openapi::Schema};
use uuid::Uuid;

use super::{Links, unknown_sync};
use crate::{
    access::By,
    cursor,
    extract::{StrictQuery, invalid_query, up_to, written},
    lately::answered,
    problem::Problem,
    schema::{one_of, priority, words},
    state::ApiState,
};

/// Which jobs to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobsQuery {
    /// With this status; `queued` if it is left out. `failed` ones are dead letters, and `undispatched` is a part of `queued`.
    #[serde(alias = "state")]
    #[param(schema_with = standings)]
    #[serde(default, deserialize_with = "written")]
    status: Option<Standing>,
    /// Of this queue; `default` if it is left out.
    queue: Option<String>,
    /// Of the sync with this name.
    sync: Option<String>,
    /// The sync's project.
    project: Option<String>,
    /// Of this kind, such as `sync` or `plan`.
    kind: Option<String>,
    /// With this unique, concurrency or order key.
    key: Option<String>,
    /// With this text in the arguments, the error or the reason.
    text: Option<String>,
    /// At least this old: a number and `s`, `m`, `h`, `d` or `w`.
    #[param(pattern = "^([0-9]{1,8}s|[0-9]{1,6}m|[0-9]{1,4}h|[0-9]{1,3}d|[0-9]{1,2}w)$", example = "10m")]
    #[serde(default, deserialize_with = "age_text")]
    older_than: Option<String>,
    /// Dead letters of this group, by its fingerprint.
    group: Option<String>,
    /// A filter such as `sync:a,b -error:timeout age:>10m`.
    q: Option<String>,
    /// The most jobs of a page; 100 if it is left out.
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "up_to::<1000, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// How many dead letters a filter selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "count": 12 })))]
pub struct DeadCount {
    pub count: usize,
}

fn standings() -> Schema {
    one_of(Standing::ALL.map(Standing::as_str))
}

/// Selects jobs by their properties, in bodies and in query strings. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct JobFilter {
    /// Of this queue; `default` if missing.
    pub queue: Option<String>,
    /// Of the sync with this name.
    pub sync: Option<String>,
    /// The sync's project.
    pub project: Option<String>,
    /// Of this kind, such as `sync` or `plan`.
    pub kind: Option<String>,
    /// With this unique, concurrency or order key.
    pub key: Option<String>,
    /// With this text in the arguments, the error or the reason.
    pub text: Option<String>,
    /// At least this old: a number and `s`, `m`, `h`, `d` or `w`, such as `10m`.
    #[param(pattern = "^([0-9]{1,8}s|[0-9]{1,6}m|[0-9]{1,4}h|[0-9]{1,3}d|[0-9]{1,2}w)$")]
    #[schema(pattern = "^([0-9]{1,8}s|[0-9]{1,6}m|[0-9]{1,4}h|[0-9]{1,3}d|[0-9]{1,2}w)$")]
    #[serde(deserialize_with = "age_text")]
    pub older_than: Option<String>,
    /// A filter such as `sync:a,b -error:timeout age:>10m`.
    pub q: Option<String>,
    /// Dead letters of this group, by its fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "jobs": [{
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "status": "queued", "dispatched": true, "sync": "tasks", "project": "default", "kind": "sync", "priority": "high",
    "attempt": 0, "max_attempts": 8, "run_at": "2026-11-20T13:43:32.472408Z", "since": "2026-11-20T13:43:32.472408Z",
    "key": "sync:3", "worker": null, "progress": null, "cancel_requested": false, "reason": null, "error": null,
    "links": { "self": "/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "parent": null },
}], "next_cursor": null })))]
pub struct JobList {
    pub jobs: Vec<ListedJob>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ListedJob {
    /// The id of the job and of its run.
    pub id: Uuid,
    /// queued, in_progress, or failed for a dead letter.
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// False while a queued job is not in the queue: its sync is paused, or the queue's store is unreachable.
    pub dispatched: bool,
    /// The sync's name; none for a job that is not a run.
    pub sync: Option<String>,
    pub project: Option<String>,
    pub kind: String,
    #[schema(schema_with = priority)]
    pub priority: &'static str,
    /// Attempts begun, if the queue has the job.
    pub attempt: Option<u32>,
    pub max_attempts: Option<u32>,
    /// The job begins no earlier than this.
    pub run_at: Option<DateTime<Utc>>,
    /// When it was accepted; for a dead one, when it was given up.
    pub since: DateTime<Utc>,
    /// The key that limits how many jobs run at once.
    pub key: Option<String>,
    /// The worker that runs it.
    pub worker: Option<String>,
    pub progress: Option<Value>,
    pub cancel_requested: bool,
    pub reason: Option<String>,
    /// The last error.
    pub error: Option<String>,
    pub links: Links,
}

/// List or search jobs
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    operation_id = "list_jobs",
    tag = "jobs",
    params(JobsQuery),
    responses((status = 200, description = "A page of jobs.", body = JobList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<JobsQuery>,
) -> Result<Json<JobList>, Problem> {
    let standing = query.status.unwrap_or(Standing::Queued);
    listed(&api, &caller, query, standing).await
}

/// List or search dead letters
#[utoipa::path(
    get,
    path = "/api/v1/dead",
    operation_id = "list_dead",
    tag = "dead letters",
    params(JobsQuery),
    responses((status = 200, description = "A page of dead letters.", body = JobList)),
)]
pub(crate) async fn list_dead(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(query): StrictQuery<JobsQuery>,
) -> Result<Json<JobList>, Problem> {
    if query.status.is_some_and(|status| status != Standing::Dead) {
        return Err(invalid_query("status", "all that is listed here has failed"));
    }
    listed(&api, &caller, query, Standing::Dead).await
}

/// Count dead letters
///
/// It is the number that a replay or discard with the same filter expects.
#[utoipa::path(
    get,
    path = "/api/v1/dead/count",
    operation_id = "count_dead",
    tag = "dead letters",
    params(JobFilter),
    responses((status = 200, description = "Their number.", body = DeadCount)),
)]
pub(crate) async fn count_dead(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(filter): StrictQuery<JobFilter>,
) -> Result<Response, Problem> {
    let name = ("dead count", caller.project, format!("{filter:?}"));
    let state = api.clone();
    let counting = async move {
        let asked = listing(&state, &caller, &filter, Standing::Dead).await?;
        let ids = listing::dead_ids(&state.db, &state.queue, &asked).await?;
        Ok(DeadCount { count: ids.len() })
    };
    answered(&api, &name, |counted: &DeadCount| counted.count as u64, counting).await
}

async fn listed(
    api: &ApiState,
    caller: &Caller,
    query: JobsQuery,
    standing: Standing,
) -> Result<Json<JobList>, Problem> {
    let limit = query.limit.unwrap_or(100);
    let JobsQuery { queue, sync, project, kind, key, text, older_than, group, q, cursor, .. } = query;
    let filter = JobFilter { queue, sync, project, kind, key, text, older_than, q, group };
    let mut asked = listing(api, caller, &filter, standing).await?;
    let list = (standing.as_str(), caller.project, &filter);
    asked.limit = usize::from(limit);
    asked.reads = listing::BOUND;
    if let Some(cursor) = cursor {
        asked.after = Some(api.cursors.open(&api.db, &list, &cursor).await?);
    }
    let page = listing::list(&api.db, &api.queue, &asked).await.map_err(|error| match error {
        // A position of a version that read it in another way.
        QueueError::Refused(_) if asked.after.is_some() => cursor::invalid(),
        other => other.into(),
    })?;
    let next_cursor = match page.next {
        Some(position) => Some(api.cursors.sign(&api.db, &list, &position).await?),
        None => None,
    };
    Ok(Json(JobList { jobs: views(&api.db, api.hosts.prefix(), page.jobs).await?, next_cursor }))
}

/// Jobs with the names of their syncs.
pub async fn views(
    db: &DatabaseConnection,
    prefix: &str,
    jobs: Vec<Listed>,
) -> Result<Vec<ListedJob>, DbErr> {
    let syncs = syncs::all(db).await?;
    Ok(jobs.into_iter().map(|job| view(prefix, job, &syncs)).collect())
}

/// Converts a filter to a query.
pub(crate) async fn listing(
    api: &ApiState,
    caller: &Caller,
    filter: &JobFilter,
    standing: Standing,
) -> Result<Listing, Problem> {
    let sync = match &filter.sync {
        Some(sync) => Some(sync_id(api, caller, sync, filter.project.as_deref()).await?),
        None => None,
    };
    let also = match &filter.q {
        Some(q) => Some(of_jobs(&api.db, q).await.map_err(invalid_filter)?),
        None => None,
    };
    Ok(Listing {
        also,
        queue: filter.queue.clone().unwrap_or_else(|| RUN_QUEUE.to_owned()),
        sync,
        project: caller.project,
        kind: filter.kind.clone(),
        key: filter.key.clone(),
        text: filter.text.clone(),
        older_than: filter.older_than.as_deref().and_then(age),
        group: filter.group.clone(),
        ..Listing::new(standing)
    })
}

fn invalid_filter(error: Error) -> Problem {
    match error {
        Error::Invalid(why) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-filter", "Invalid filter", &*why)
                .with_field("q", why)
        }
        other => other.into(),
    }
}

/// The id of a sync that the caller sees.
pub(crate) async fn sync_id(
    api: &ApiState,
    caller: &Caller,
    sync: &str,
    key: Option<&str>,
) -> Result<i64, Problem> {
    match find_seen(&api.db, caller, key, sync).await {
        Ok(sync) => Ok(sync.id),
        Err(Error::Unknown { .. }) => Err(unknown_sync(sync, key)),
        Err(other) => Err(other.into()),
    }
}

/// Reads a length of time, which stays as it was written.
fn age_text<'de, D: Deserializer<'de>>(given: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(given)?;
    match &text {
        Some(text) if age(text).is_none() => {
            Err(D::Error::custom("no length of time; write a number and s, m, h, d or w, as in 10m"))
        }
        _ => Ok(text),
    }
}

/// Parses a number and a unit, up to ten years.
pub(crate) fn age(text: &str) -> Option<Duration> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number: u64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(unit).filter(|seconds| *seconds <= 10 * 366 * 86_400).map(Duration::from_secs)
}

fn view(prefix: &str, job: Listed, syncs: &HashMap<i64, NamedSync>) -> ListedJob {
    let sync = job.sync.and_then(|sync| syncs.get(&sync));
    ListedJob {
        id: job.id,
        status: job.status,
        dispatched: job.dispatched,
        sync: sync.map(|sync| sync.name.clone()),
        project: sync.map(|sync| sync.project.clone()),
        kind: job.kind,
        priority: job.priority.as_str(),
        attempt: job.attempt,
        max_attempts: job.max_attempts,
        run_at: job.run_at,
        since: job.since,
        key: job.key,
        worker: job.worker,
        progress: job.progress,
        cancel_requested: job.cancel_requested,
        reason: job.reason,
        error: job.error,
        links: Links::of(prefix, job.id),
    }
}
