//! One run: where it stands, its changes and its items.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use syncline_entity::types::SyncStatus;
use syncline_service::{
    Caller, Scope, history, redact,
    syncs::{self, StoredSync},
};
use utoipa::ToSchema;

use super::change::{ChangeView, item, view};
use crate::{
    access::By,
    extract::{JobId, StrictQuery},
    page::{self, PageQuery},
    problem::Problem,
    routes::jobs::{
        JobView,
        show::{Shown, show},
    },
    schema::words,
    state::ApiState,
};

/// Show a run
#[utoipa::path(
    get,
    path = "/api/v1/sync/history/{run}",
    operation_id = "show_run",
    tag = "history",
    params(("run" = uuid::Uuid, Path, description = "The id of the run.")),
    responses((status = 200, description = "The run.", body = JobView)),
)]
pub(crate) async fn one(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(run): JobId,
) -> Result<Json<Shown>, Problem> {
    history::get(&api.db, &caller, run).await?;
    show(State(api), By(caller), JobId(run)).await
}

/// A page of changes.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "changes": [], "next_cursor": null })))]
pub struct ChangesOfRun {
    pub changes: Vec<ChangeView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// List the changes of a run, in the order in which they were made
#[utoipa::path(
    get,
    path = "/api/v1/sync/history/{run}/changes",
    operation_id = "list_changes_of_run",
    tag = "history",
    params(("run" = uuid::Uuid, Path, description = "The id of the run."), PageQuery),
    responses((status = 200, description = "A page of changes.", body = ChangesOfRun)),
)]
pub(crate) async fn changes(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(run): JobId,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Json<ChangesOfRun>, Problem> {
    let limit = page::limit(query.limit);
    let list = ("changes", run);
    let start = page::start(&api, &list, query.cursor.as_deref()).await?;
    let found = history::changes(&api.db, &caller, run, start, limit).await?;
    Ok(Json(ChangesOfRun {
        changes: found.rows.into_iter().map(|change| view(&caller, change)).collect(),
        next_cursor: page::next(&api, &list, found.next).await?,
    }))
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "item_id": "T-1", "mapping_id": 4, "entity_id": "1", "external_id": "90", "status": "completed",
    "source_platform": "csv", "target_platform": "sql", "timestamp": "2026-11-20T13:44:17Z", "error": null,
    "conflicts": 0, "changes": 2, "retry_count": 0,
})))]
pub struct ItemView {
    /// The item's key or id, on the source or else on the target.
    pub item_id: String,
    /// The link of the item.
    pub mapping_id: i64,
    pub entity_id: Option<String>,
    pub external_id: Option<String>,
    /// completed, failed or conflict.
    #[schema(schema_with = words::<SyncStatus>)]
    pub status: SyncStatus,
    pub source_platform: Option<String>,
    pub target_platform: Option<String>,
    /// When the item was last tried.
    pub timestamp: Option<DateTime<Utc>>,
    /// Why it failed.
    pub error: Option<String>,
    /// Conflicts that this run met last and that are open.
    pub conflicts: i64,
    /// Fields written, and items created or deleted.
    pub changes: i64,
    /// Failures since the last success.
    pub retry_count: i32,
}

/// A page of items. Items that the run left as they were are only counted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "items": [], "next_cursor": null })))]
pub struct ItemsOfRun {
    pub items: Vec<ItemView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// List the items of a run that changed, failed or are in conflict
#[utoipa::path(
    get,
    path = "/api/v1/sync/history/{run}/items",
    operation_id = "list_items_of_run",
    tag = "history",
    params(("run" = uuid::Uuid, Path, description = "The id of the run."), PageQuery),
    responses((status = 200, description = "A page of items.", body = ItemsOfRun)),
)]
pub(crate) async fn items(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(run): JobId,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Json<ItemsOfRun>, Problem> {
    let limit = page::limit(query.limit);
    let list = ("items", run);
    let after = page::after(&api, &list, query.cursor.as_deref()).await?;
    let sync = syncs::by_id(&api.db, history::get(&api.db, &caller, run).await?.sync_config_id).await?;
    let found = history::items(&api.db, &caller, run, after, limit).await?;
    Ok(Json(ItemsOfRun {
        items: found.rows.into_iter().map(|one| item_view(&caller, one, sync.as_ref())).collect(),
        next_cursor: page::next(&api, &list, found.next).await?,
    }))
}

fn item_view(caller: &Caller, one: history::ItemOfRun, sync: Option<&StoredSync>) -> ItemView {
    let history::ItemOfRun { link, status, changes, conflicts, error } = one;
    ItemView {
        item_id: item(&link),
        mapping_id: link.id,
        status,
        source_platform: sync.map(|sync| sync.source_platform.clone()),
        target_platform: sync.map(|sync| sync.target_platform.clone()),
        timestamp: link.last_sync_attempt,
        error: error.map(|error| told(caller, error)),
        conflicts,
        changes,
        retry_count: link.error_count,
        entity_id: link.entity_id,
        external_id: link.external_id,
    }
}

/// The error of an item, which may quote a value.
pub(crate) fn told(caller: &Caller, error: String) -> String {
    if caller.may(Scope::DataRead) { error } else { redact::HIDDEN.to_owned() }
}
