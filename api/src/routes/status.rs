//! `GET /api/v1/sync/status`: how each sync stands now.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use syncline_service::{
    Caller,
    configs::ConfigsQuery,
    status::{self, Standing, SyncStatus},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::By,
    extract::{StrictQuery, up_to},
    lately::answered,
    page,
    problem::Problem,
    schema::one_of,
    state::ApiState,
};

/// Which syncs to show. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusQuery {
    /// Of this project.
    project: Option<String>,
    /// A filter as in the list of syncs.
    q: Option<String>,
    /// The most syncs of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of syncs, in order of their ids.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "syncs": [], "next_cursor": null })))]
pub struct StatusList {
    pub syncs: Vec<StatusView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// How a sync stands. The numbers of items are those of its last run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 3, "sync": "tasks", "project": "default", "status": "idle", "last_sync": "2026-11-20T13:44:17Z",
    "last_run": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "items_synced": 3, "items_failed": 0, "items_skipped": 0,
    "conflicts": 0, "queued": 0, "next_run_at": "2026-11-20T13:49:17Z", "error": null,
})))]
pub struct StatusView {
    pub id: i64,
    pub sync: String,
    pub project: String,
    /// The first that holds: a run is in progress, it is paused, a run waits, the last run failed, conflicts wait, it has
    /// no scheduled runs, or none of these.
    #[schema(schema_with = standings)]
    pub status: &'static str,
    /// When a run last ended.
    pub last_sync: Option<DateTime<Utc>>,
    /// The last run that is over.
    pub last_run: Option<Uuid>,
    pub items_synced: i64,
    pub items_failed: i64,
    pub items_skipped: i64,
    /// Conflicts that wait for a person.
    pub conflicts: i64,
    /// Runs that wait.
    pub queued: i64,
    pub next_run_at: Option<DateTime<Utc>>,
    /// Why the last run failed.
    pub error: Option<String>,
}

fn standings() -> utoipa::openapi::Schema {
    one_of(Standing::ALL.map(Standing::as_str))
}

/// Show how the syncs stand
#[utoipa::path(
    get,
    path = "/api/v1/sync/status",
    operation_id = "show_status",
    tag = "syncs",
    params(StatusQuery),
    responses((status = 200, description = "A page of syncs.", body = StatusList)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(mut query): StrictQuery<StatusQuery>,
) -> Result<Response, Problem> {
    let limit = page::limit(query.limit.take());
    let cursor = query.cursor.take();
    let after = page::after(&api, &("status", caller.project, &query), cursor.as_deref()).await?;
    let name = ("status", caller.project, limit, after, format!("{query:?}"));
    let counting = counted(api.clone(), caller, query, limit, after);
    let queued = |list: &StatusList| list.syncs.iter().map(|sync| sync.queued.unsigned_abs()).sum();
    answered(&api, &name, queued, counting).await
}

async fn counted(
    api: ApiState,
    caller: Caller,
    query: StatusQuery,
    limit: u64,
    after: Option<i64>,
) -> Result<StatusList, Problem> {
    let asked = ConfigsQuery {
        project: query.project.clone(),
        filter: query.q.clone(),
        after,
        limit: limit + 1,
        ..ConfigsQuery::default()
    };
    let mut found = status::list(&api.db, &caller, &asked).await?;
    let more = found.len() as u64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let last = found.last().map(|one| one.sync.id).filter(|_| more);
    let next_cursor = page::next(&api, &("status", caller.project, &query), last).await?;
    Ok(StatusList { syncs: found.into_iter().map(view).collect(), next_cursor })
}

fn view(found: SyncStatus) -> StatusView {
    let SyncStatus { sync, standing, queued, open_conflicts, last, next_run_at } = found;
    let count = |of: fn(&syncline_entity::sync_history::Model) -> i64| last.as_ref().map_or(0, of);
    StatusView {
        id: sync.id,
        status: standing.as_str(),
        last_sync: sync.last_sync_at.or_else(|| last.as_ref()?.completed_at),
        last_run: last.as_ref().map(|run| run.run_uid),
        items_synced: count(|run| run.items_synced),
        items_failed: count(|run| run.items_failed),
        items_skipped: count(|run| run.items_skipped),
        conflicts: open_conflicts,
        queued,
        next_run_at,
        error: last.and_then(|run| run.error_message),
        sync: sync.row.name,
        project: sync.project,
    }
}
