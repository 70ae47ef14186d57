//! `/api/v1/operations`: changes of many things in the background.

use axum::{Json, extract::State, http::StatusCode, http::header::LOCATION, response::IntoResponse};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_engine::spec::Strategy;
use syncline_entity::{
    operation,
    types::{OperationAction, OperationState},
};
use syncline_service::operations::{self, Conflicts, Letters, Take};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    conflicts::ConflictView,
    jobs::{ListedJob, list::sync_id},
};
use crate::{
    access::By,
    extract::{InPath, JsonBody, StrictQuery},
    page::{self, PageQuery},
    problem::Problem,
    schema::{maybe_one_of, words},
    state::ApiState,
};

/// What to do, with which dead letters or open conflicts. `resolve` needs one of `take` and `resolution_strategy`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(
    json!({ "action": "replay", "filter": { "group": "3fb0c1d2e3f40516" } }),
    json!({ "action": "resolve", "take": "source", "filter": { "sync": "tasks", "q": "field:title" } }),
))]
pub struct NewPreview {
    #[schema(schema_with = words::<OperationAction>)]
    pub action: OperationAction,
    pub filter: SubjectFilter,
    /// What stands: `source`, `target` or `base`.
    #[schema(schema_with = takes)]
    pub take: Option<String>,
    /// `source_wins`, `target_wins` or `last_write_wins`, or another name of them.
    pub resolution_strategy: Option<String>,
}

fn takes() -> utoipa::openapi::Schema {
    maybe_one_of(["source", "target", "base"])
}

/// Selects dead letters, or conflicts by `sync`, `project` and `q`. Without any key all are meant.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubjectFilter {
    /// Of this sync.
    pub sync: Option<String>,
    /// The sync's project.
    pub project: Option<String>,
    /// Of this group, by its fingerprint.
    pub group: Option<String>,
    /// Of this kind of run, such as `sync`.
    pub kind: Option<String>,
    /// With this text in the reason or the error; case-sensitive.
    pub text: Option<String>,
    /// A filter such as `-error:timeout since:>2026-11-01`, or of conflicts, `field:title age:>2d`.
    pub q: Option<String>,
}

/// A counted operation, and the token that starts it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({
    "token": "5f0c1a4e9b0d4c6f8e2a7b3c4d5e6f70", "action": "replay", "count": 12, "expires_at": "2026-11-20T13:54:17.832345Z",
    "sample": [], "conflicts": [],
})))]
pub struct PreviewView {
    /// Starts this operation and no other; for this caller, once, until it expires.
    pub token: String,
    #[schema(schema_with = words::<OperationAction>)]
    pub action: OperationAction,
    /// The number of dead letters or conflicts that are meant.
    #[schema(minimum = 0)]
    pub count: i64,
    pub expires_at: DateTime<Utc>,
    /// Some of the dead letters, the latest first.
    pub sample: Vec<ListedJob>,
    /// Some of the conflicts, the latest first.
    pub conflicts: Vec<ConflictView>,
}

/// Starts the operation of a preview.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "token": "5f0c1a4e9b0d4c6f8e2a7b3c4d5e6f70" })))]
pub struct NewOperation {
    /// The token of the preview.
    pub token: String,
    /// Why; more than 10,000 dead letters are discarded with a reason only.
    pub reason: Option<String>,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "action": "replay", "state": "running", "filter": { "group": "3fb0c1d2e3f40516" },
    "until": "2026-11-20T13:44:17.832345Z", "total": 12, "done": 5, "skipped": 0, "by": "mia@desk", "reason": null,
    "created_at": "2026-11-20T13:44:17.832345Z", "started_at": "2026-11-20T13:44:20.000000Z", "completed_at": null,
    "cancel_requested": false, "error": null,
})))]
pub struct OperationView {
    pub id: Uuid,
    #[schema(schema_with = words::<OperationAction>)]
    pub action: OperationAction,
    #[schema(schema_with = words::<OperationState>)]
    pub state: OperationState,
    /// The filter, with the ids of what it names.
    pub filter: Value,
    /// What came later is not concerned.
    pub until: DateTime<Utc>,
    /// The number at the preview.
    pub total: i64,
    pub done: i64,
    /// Left as they were: changed meanwhile, or not to be changed.
    pub skipped: i64,
    /// Who asked for it.
    pub by: String,
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub cancel_requested: bool,
    pub error: Option<String>,
}

/// A page of operations, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "operations": [], "next_cursor": null })))]
pub struct OperationList {
    pub operations: Vec<OperationView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// Count what an operation would change
#[utoipa::path(
    post,
    path = "/api/v1/operations/preview",
    operation_id = "preview_operation",
    tag = "operations",
    request_body = NewPreview,
    responses((status = 200, description = "Their number, some of them, and the token that starts it.", body = PreviewView)),
)]
pub(crate) async fn preview(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(NewPreview { action, filter, take, resolution_strategy }): JsonBody<NewPreview>,
) -> Result<Json<PreviewView>, Problem> {
    let sync = match &filter.sync {
        Some(name) => Some(sync_id(&api, &caller, name, filter.project.as_deref()).await?),
        None => None,
    };
    let SubjectFilter { group, kind, text, q, .. } = filter;
    let preview = match action {
        OperationAction::Resolve => {
            let letters = [("group", &group), ("kind", &kind), ("text", &text)];
            if let Some((key, _)) = letters.into_iter().find(|(_, given)| given.is_some()) {
                return Err(wrong(&format!("filter/{key}"), "is of dead letters; select conflicts by q"));
            }
            let take = taken(take, resolution_strategy)?;
            operations::preview_resolve(&api.db, &caller, &Conflicts { sync, q, take }).await?
        }
        OperationAction::Replay | OperationAction::Discard => {
            for (key, given) in [("take", &take), ("resolution_strategy", &resolution_strategy)] {
                if given.is_some() {
                    return Err(wrong(key, "is for the action resolve"));
                }
            }
            let letters = Letters { sync, group, kind, text, q };
            operations::preview(&api.db, &caller, action, &letters).await?
        }
    };
    let sample = super::jobs::list::views(&api.db, api.hosts.prefix(), preview.sample).await?;
    let conflicts =
        preview.conflicts.into_iter().map(|found| super::conflicts::view(&caller, found)).collect();
    let (token, expires_at) = (preview.token, preview.expires_at);
    Ok(Json(PreviewView { token, action, count: preview.row.total, expires_at, sample, conflicts }))
}

/// What stands, by its name or by a strategy.
fn taken(take: Option<String>, strategy: Option<String>) -> Result<Take, Problem> {
    match (take, strategy) {
        (Some(take), None) => take.parse().map_err(|told: String| wrong("take", &told)),
        (None, Some(strategy)) => {
            let strategy =
                strategy.parse::<Strategy>().map_err(|told| wrong("resolution_strategy", &told))?;
            match strategy {
                Strategy::Manual => Err(wrong("resolution_strategy", "leaves each conflict to a person")),
                strategy => Ok(Take::Strategy(strategy)),
            }
        }
        (None, None) => Err(wrong("take", "is missing; give it, or resolution_strategy")),
        (Some(_), Some(_)) => Err(wrong("resolution_strategy", "stands beside take; give one of them")),
    }
}

fn wrong(pointer: &str, detail: &str) -> Problem {
    let told = format!("{}: {detail}", pointer.replace('/', "."));
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", told)
        .with_pointer(&format!("/{pointer}"), detail)
}

/// Start the operation of a preview
#[utoipa::path(
    post,
    path = "/api/v1/operations",
    operation_id = "start_operation",
    tag = "operations",
    request_body = NewOperation,
    responses((
        status = 202,
        description = "Workers carry it out.",
        body = OperationView,
        headers(("Location" = String, description = "The path of the operation.")),
    )),
)]
pub(crate) async fn start(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<NewOperation>,
) -> Result<impl IntoResponse, Problem> {
    let reason = asked.reason.as_deref();
    let row = operations::start(&api.db, &api.queue, &caller, &asked.token, reason).await?;
    let path = format!("{}/api/v1/operations/{}", api.hosts.prefix(), row.operation_uid);
    Ok((StatusCode::ACCEPTED, [(LOCATION, path)], Json(view(row))))
}

/// List operations
#[utoipa::path(
    get,
    path = "/api/v1/operations",
    operation_id = "list_operations",
    tag = "operations",
    params(PageQuery),
    responses((status = 200, description = "The latest operations first.", body = OperationList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(PageQuery { limit, cursor }): StrictQuery<PageQuery>,
) -> Result<Json<OperationList>, Problem> {
    let limit = page::limit(limit);
    let list = ("operations", caller.project);
    let before = page::after(&api, &list, cursor.as_deref()).await?;
    let mut rows = operations::list(&api.db, &caller, limit + 1, before).await?;
    let more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = rows.last().map(|row| row.id).filter(|_| more);
    let next_cursor = page::next(&api, &list, last).await?;
    Ok(Json(OperationList { operations: rows.into_iter().map(view).collect(), next_cursor }))
}

/// Show an operation
#[utoipa::path(
    get,
    path = "/api/v1/operations/{id}",
    operation_id = "show_operation",
    tag = "operations",
    params(("id" = Uuid, Path, description = "The id of the operation.")),
    responses((status = 200, description = "The operation, and how far it has come.", body = OperationView)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<Uuid>,
) -> Result<Json<OperationView>, Problem> {
    Ok(Json(view(operations::find(&api.db, &caller, id).await?)))
}

/// Ask an operation to stop; what it did stays done
#[utoipa::path(
    post,
    path = "/api/v1/operations/{id}/cancel",
    operation_id = "cancel_operation",
    tag = "operations",
    params(("id" = Uuid, Path, description = "The id of the operation.")),
    responses((status = 200, description = "The operation stops, or is over.", body = OperationView)),
)]
pub(crate) async fn cancel(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<Uuid>,
) -> Result<Json<OperationView>, Problem> {
    Ok(Json(view(operations::cancel(&api.db, &caller, id).await?.0)))
}

/// The view of an operation.
pub fn view(row: operation::Model) -> OperationView {
    OperationView {
        id: row.operation_uid,
        action: row.action,
        state: row.state,
        filter: row.filter,
        until: row.cutoff,
        total: row.total,
        done: row.done,
        skipped: row.skipped,
        by: row.actor,
        reason: row.reason,
        created_at: row.created_at,
        started_at: row.started_at,
        completed_at: row.completed_at,
        cancel_requested: row.cancel_requested_at.is_some(),
        error: row.error,
    }
}
