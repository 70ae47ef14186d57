//! `POST /sync/start`, also below `/api/v1`: runs a sync and answers in the words of older systems.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_entity::types::Direction;
use syncline_service::{
    Caller, Scope,
    start::{self, Asked, Outcome},
};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access::By, extract::JsonBody, prefer::until_end, problem::Problem, repeat::id_of, state::ApiState,
};

/// How long the answer waits for the end of the run.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which sync to run. It is named, or found by its project, a platform and the kind of its items. Unknown keys are
/// refused.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "project_id": "default", "sync_type": "bidirectional", "source_platform": "JIRA", "target_entity": "issue",
})))]
pub struct StartRequest {
    /// The name of the sync.
    pub sync: Option<String>,
    /// The key or the number of the project; by default the token's, or `default`.
    pub project_id: Option<Value>,
    /// `push`, `pull` or `bidirectional`.
    pub sync_type: Option<String>,
    /// A platform of either side, in upper or lower case.
    pub source_platform: Option<String>,
    /// The kind of items, or the other platform.
    pub target_entity: Option<String>,
    /// A new schedule of the sync: `every_15_minutes` or a cron expression. It needs a token with the scope admin.
    pub schedule: Option<String>,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "status": "success", "synced_items": 12, "conflicts_detected": 1, "conflict_resolution": "auto_override_from_local",
    "last_sync": "2026-11-20T13:44:18Z", "run": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "sync": "tasks", "error": null,
})))]
pub struct Started {
    /// `success`, `error`, or `running` if the run is not over yet.
    #[schema(schema_with = results)]
    pub status: &'static str,
    pub synced_items: i64,
    pub conflicts_detected: i64,
    /// What became of the conflicts.
    #[schema(schema_with = resolutions)]
    pub conflict_resolution: &'static str,
    /// When a run of the sync last ended.
    pub last_sync: Option<DateTime<Utc>>,
    /// The id of the run.
    pub run: Uuid,
    /// The name of the sync.
    pub sync: String,
    /// Why it failed.
    pub error: Option<String>,
}

fn results() -> utoipa::openapi::Schema {
    crate::schema::one_of(["success", "error", "running"])
}

fn resolutions() -> utoipa::openapi::Schema {
    crate::schema::one_of([
        "auto_override_from_remote",
        "auto_override_from_local",
        "merged",
        "manual_review",
        "none",
    ])
}

/// Run a sync and wait for its end
///
/// The request waits up to 30 seconds; then the answer is 202, and the run goes on.
#[utoipa::path(
    post,
    path = "/api/v1/sync/start",
    operation_id = "start_sync",
    tag = "syncs",
    request_body = StartRequest,
    responses(
        (status = 200, description = "The run is over.", body = Started),
        (status = 202, description = "The run is not over yet.", body = Started,
            headers(("Location" = String, description = "The path of the job."))),
    ),
)]
pub(crate) async fn start(
    State(api): State<ApiState>,
    By(caller): By,
    headers: HeaderMap,
    JsonBody(request): JsonBody<StartRequest>,
) -> Result<Response, Problem> {
    started(api, caller, headers, request).await
}

/// Run a sync and wait for its end, at the address of older systems
#[utoipa::path(
    post,
    path = "/sync/start",
    operation_id = "start_sync_by_its_older_address",
    tag = "syncs",
    request_body = StartRequest,
    responses(
        (status = 200, description = "The run is over.", body = Started),
        (status = 202, description = "The run is not over yet.", body = Started,
            headers(("Location" = String, description = "The path of the job."))),
    ),
)]
pub(crate) async fn start_at_older_address(
    State(api): State<ApiState>,
    By(caller): By,
    headers: HeaderMap,
    JsonBody(request): JsonBody<StartRequest>,
) -> Result<Response, Problem> {
    started(api, caller, headers, request).await
}

async fn started(
    api: ApiState,
    caller: Caller,
    headers: HeaderMap,
    request: StartRequest,
) -> Result<Response, Problem> {
    let asked = asked(&caller, request)?;
    let id = id_of(&caller, &headers)?;
    let origin = syncline_service::Origin::Http(&api.allow);
    let (sync, run) = start::start(&api.db, &api.queue, &caller, &asked, id, origin).await?;
    let over = until_end(&api.db, run, PATIENCE).await?;
    let Outcome { succeeded, synced, conflicts, resolution, last_sync, error } =
        start::outcome(&api.db, &caller, run).await?;
    let status = match (over, succeeded) {
        (false, _) => "running",
        (true, true) => "success",
        (true, false) => "error",
    };
    let body = Json(Started {
        status,
        synced_items: synced,
        conflicts_detected: conflicts,
        conflict_resolution: resolution,
        last_sync,
        run,
        sync: sync.row.name,
        error,
    });
    if over {
        return Ok(body.into_response());
    }
    let location = format!("{}/api/v1/jobs/{run}", api.hosts.prefix());
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], body).into_response())
}

fn asked(caller: &Caller, request: StartRequest) -> Result<Asked, Problem> {
    let StartRequest { sync, project_id, sync_type, source_platform, target_entity, schedule } = request;
    let mut problems = Vec::new();
    let project = match project_id {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => {
            problems.push(wrong("project_id", "must be the key or the number of a project"));
            None
        }
    };
    if sync.is_none() && source_platform.is_none() {
        problems.push(wrong("source_platform", "is missing; give it, or the name of the sync as sync"));
    }
    let direction: Option<Direction> = match sync_type.map(|name| (name.to_lowercase().parse(), name)) {
        Some((Ok(direction), _)) => Some(direction),
        Some((Err(_), name)) => {
            let detail = format!("must be one of push, pull, bidirectional, and is {name:?}");
            problems.push(wrong("sync_type", &detail));
            None
        }
        None => None,
    };
    if let Some(problem) = problems.into_iter().reduce(Problem::and) {
        return Err(problem);
    }
    if schedule.is_some() && !caller.may(Scope::Admin) {
        let detail = "A new schedule changes the sync, which needs a token with the scope admin";
        return Err(Problem::new(StatusCode::FORBIDDEN, "missing-scope", "Missing scope", detail));
    }
    Ok(Asked { sync, project, direction, platform: source_platform, target: target_entity, schedule })
}

fn wrong(field: &str, detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid-body",
        "Invalid body",
        format!("{field}: {detail}"),
    )
    .with_pointer(&format!("/{field}"), detail)
}
