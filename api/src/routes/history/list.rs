//! `GET /api/v1/sync/history`.

use std::collections::HashMap;

use axum::{Json, extract::State};
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use syncline_entity::{
    sync_history,
    types::{RunKind, RunStatus, SyncMethod},
};
use syncline_service::{
    Caller, configs,
    history::{self, RunsQuery},
    scan::Start,
    syncs::{self, NamedSync, find_seen},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::By,
    extract::{StrictQuery, invalid_query, up_to},
    page,
    problem::Problem,
    routes::jobs::ItemCounts,
    schema::words,
    state::ApiState,
};

/// The last page that has a number; cursors go on from there.
const LAST_PAGE: u16 = 200;

/// Which runs to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    /// Of the sync with this id.
    #[param(minimum = 1)]
    config_id: Option<i64>,
    /// Of the sync with this name.
    sync: Option<String>,
    /// The project of `sync`, or of all the runs.
    project: Option<String>,
    /// In this status.
    #[param(schema_with = words::<RunStatus>)]
    status: Option<RunStatus>,
    /// Of this kind.
    #[param(schema_with = words::<RunKind>)]
    kind: Option<RunKind>,
    /// Started in this way.
    #[param(schema_with = words::<SyncMethod>)]
    method: Option<SyncMethod>,
    /// Accepted at this time or later.
    since: Option<DateTime<Utc>>,
    /// Accepted before this time.
    until: Option<DateTime<Utc>>,
    /// A filter with the keys sync, project, status, kind, method, error, failed, conflicts, synced, duration, age and since.
    q: Option<String>,
    /// The number of the page, up to 200, instead of a cursor.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "page_number")]
    page: Option<u16>,
    /// The same as `limit`.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    per_page: Option<u16>,
    /// The most runs of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of runs, the latest first. With a filter that no index serves a page may have fewer runs than its limit, or
/// none, and still a next page.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "runs": [], "next_cursor": null, "page": 2, "per_page": 50 })))]
pub struct RunList {
    pub runs: Vec<RunView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
    /// The number of this page, if pages were asked for by number.
    pub page: Option<u16>,
    /// The most runs of a page.
    pub per_page: u64,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "config_id": 3, "sync": "tasks", "project": "default", "kind": "sync",
    "method": "manual", "status": "completed", "success": true, "queued_at": "2026-11-20T13:44:17Z",
    "not_before": null, "started_at": "2026-11-20T13:44:17Z", "completed_at": "2026-11-20T13:44:18Z", "duration_ms": 700,
    "items_synced": 2, "items_failed": 0, "items_skipped": 1, "created": 1, "updated": 1, "deleted": 0, "conflicts": 0,
    "api_calls": 4, "error": null, "correlation_id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a",
    "links": { "self": "/api/v1/sync/history/01a1f933-66bd-7084-846c-c8cc3a4a2c5a",
    "changes": "/api/v1/sync/history/01a1f933-66bd-7084-846c-c8cc3a4a2c5a/changes" },
})))]
pub struct RunView {
    pub id: Uuid,
    /// The id of the sync.
    pub config_id: i64,
    /// The sync's name; none if the sync was purged.
    pub sync: Option<String>,
    pub project: Option<String>,
    #[schema(schema_with = words::<RunKind>)]
    pub kind: RunKind,
    /// What triggered it.
    #[schema(schema_with = words::<SyncMethod>)]
    pub method: SyncMethod,
    #[schema(schema_with = words::<RunStatus>)]
    pub status: RunStatus,
    /// True if it did its work; none until it is over.
    pub success: Option<bool>,
    /// When it was accepted.
    pub queued_at: DateTime<Utc>,
    /// The earliest start that was asked for.
    pub not_before: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    /// Milliseconds from start to end.
    pub duration_ms: Option<i64>,
    #[serde(flatten)]
    pub counts: ItemCounts,
    /// Why it failed.
    pub error: Option<String>,
    /// Shared by all runs of one cause.
    pub correlation_id: Uuid,
    pub links: RunLinks,
}

/// Paths of related resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunLinks {
    /// The path of the run itself.
    #[serde(rename = "self")]
    pub this: String,
    /// What it changed.
    pub changes: String,
}

/// List runs of syncs
#[utoipa::path(
    get,
    path = "/api/v1/sync/history",
    operation_id = "list_runs",
    tag = "history",
    params(HistoryQuery),
    responses((status = 200, description = "A page of runs.", body = RunList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(mut query): StrictQuery<HistoryQuery>,
) -> Result<Json<RunList>, Problem> {
    let limit = match (query.limit.take(), query.per_page.take()) {
        (Some(_), Some(_)) => return Err(invalid_query("per_page", "stands beside limit; give one of them")),
        (limit, per_page) => page::limit(limit.or(per_page)),
    };
    let (number, cursor) = (query.page.take(), query.cursor.take());
    let list = ("history", caller.project, &query);
    let start = match (number, cursor) {
        (Some(_), Some(_)) => return Err(invalid_query("page", "stands beside cursor; give one of them")),
        (Some(number), None) => Start::Skip(u64::from(number.saturating_sub(1)) * limit),
        (None, cursor) => page::start(&api, &list, cursor.as_deref()).await?,
    };
    let (sync, project) = scope(&api, &caller, &query).await?;
    let asked = RunsQuery {
        sync,
        project,
        status: query.status,
        kind: query.kind,
        method: query.method,
        since: query.since.map(|time| time.trunc_subsecs(6)),
        until: query.until.map(|time| time.trunc_subsecs(6)),
        filter: query.q.clone(),
        start,
        limit,
    };
    let found = history::list(&api.db, &caller, &asked).await?;
    let known = syncs::all(&api.db).await?;
    Ok(Json(RunList {
        runs: found.rows.into_iter().map(|run| view(api.hosts.prefix(), run, &known)).collect(),
        next_cursor: page::next(&api, &list, found.next).await?,
        page: number,
        per_page: limit,
    }))
}

/// The ids of the sync and of the project that a query names.
async fn scope(
    api: &ApiState,
    caller: &Caller,
    query: &HistoryQuery,
) -> Result<(Option<i64>, Option<i64>), Problem> {
    match (query.config_id, &query.sync) {
        (Some(_), Some(_)) => Err(invalid_query("sync", "stands beside config_id; give one of them")),
        (Some(id), None) => Ok((Some(configs::get(&api.db, caller, id).await?.id), None)),
        (None, Some(name)) => {
            let sync = find_seen(&api.db, caller, query.project.as_deref(), name).await?;
            Ok((Some(sync.id), None))
        }
        (None, None) => match &query.project {
            Some(key) => Ok((None, Some(configs::project(&api.db, caller, key).await?))),
            None => Ok((None, None)),
        },
    }
}

/// Reads the number of a page.
fn page_number<'de, D: Deserializer<'de>>(given: D) -> Result<Option<u16>, D::Error> {
    match Option::deserialize(given)? {
        Some(number) if !(1..=LAST_PAGE).contains(&number) => {
            Err(D::Error::custom(format!("not between 1 and {LAST_PAGE}; go on with next_cursor")))
        }
        number => Ok(number),
    }
}

/// The view of a run in a list, on a server whose paths have a prefix.
pub fn view(prefix: &str, run: sync_history::Model, known: &HashMap<i64, NamedSync>) -> RunView {
    let sync = known.get(&run.sync_config_id);
    let this = format!("{prefix}/api/v1/sync/history/{}", run.run_uid);
    RunView {
        counts: ItemCounts::from(&run),
        id: run.run_uid,
        config_id: run.sync_config_id,
        sync: sync.map(|sync| sync.name.clone()),
        project: sync.map(|sync| sync.project.clone()),
        kind: run.kind,
        method: run.sync_type,
        status: run.status,
        success: run.success,
        queued_at: run.queued_at,
        not_before: run.not_before,
        started_at: run.started_at,
        completed_at: run.completed_at,
        duration_ms: run.duration_ms,
        error: run.error_message,
        correlation_id: run.correlation_id,
        links: RunLinks { changes: format!("{this}/changes"), this },
    }
}
