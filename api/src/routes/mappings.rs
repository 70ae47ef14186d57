//! `/api/v1/sync/mappings`: which item of one side is which of the other.

use std::collections::HashMap;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_entity::{
    sync_metadata,
    types::{LinkState, SyncDirection, SyncMethod, SyncStatus},
};
use syncline_service::{
    Caller, Scope, configs,
    links::{self, LinksQuery},
    syncs::{self, NamedSync},
};
use utoipa::{IntoParams, ToSchema};

use super::history::{
    change::{item, view as change_view},
    of_run::{ChangesOfRun, told},
};
use crate::{
    access::By,
    extract::{InPath, StrictQuery, invalid_query, up_to},
    page::{self, PageQuery},
    problem::Problem,
    schema::{maybe_words, words},
    state::ApiState,
};

/// Which links to list. Unknown keys are refused.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappingsQuery {
    /// Of the sync with this id.
    #[param(minimum = 1)]
    config_id: Option<i64>,
    /// Of this type of item.
    entity_type: Option<String>,
    /// The same as `entity_type`.
    elder_type: Option<String>,
    /// With this result of the last sync; `synced` is `completed`, `error` is `failed`.
    #[param(value_type = Option<String>)]
    sync_status: Option<SyncStatus>,
    /// With this id on the source.
    entity_id: Option<String>,
    /// With this id on the target.
    external_id: Option<String>,
    /// The same as `external_id`.
    jira_id: Option<String>,
    /// A filter with the keys sync, project, entity_type, status, state, item, error, errors, age and since.
    q: Option<String>,
    /// The most links of a page; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default, deserialize_with = "up_to::<200, _>")]
    limit: Option<u16>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of links, in order of their ids. With a filter that no index serves a page may have fewer links than its limit,
/// or none, and still a next page.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "mappings": [], "next_cursor": null })))]
pub struct MappingList {
    pub mappings: Vec<MappingView>,
    /// The `cursor` of the next page; none at the end.
    pub next_cursor: Option<String>,
}

/// A link between a source item and a target item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 4, "config_id": 3, "sync": "tasks", "project": "default", "item": "T-1", "entity_type": "task", "entity_id": "1",
    "external_id": "90", "source_key": "T-1", "source_url": null, "target_key": null, "target_url": null,
    "sync_status": "completed", "link_state": "linked", "sync_method": "batch", "sync_direction": "bidirectional",
    "last_sync_attempt": "2026-11-20T13:44:17Z", "last_successful_sync": "2026-11-20T13:44:17Z",
    "next_attempt_at": null, "error_count": 0, "last_error": null, "content_hash": null, "local_modified": null,
    "remote_modified": null, "missing_since": null, "deleted_at": null, "resolution_strategy": null,
    "sync_duration_ms": 12, "api_calls_count": 2, "conflicts": [], "base": null, "created_at": "2026-11-20T13:44:17Z",
    "updated_at": "2026-11-20T13:44:17Z",
})))]
pub struct MappingView {
    pub id: i64,
    /// The id of the sync.
    pub config_id: i64,
    pub sync: Option<String>,
    pub project: Option<String>,
    /// The item's key or id, on the source or else on the target.
    pub item: String,
    pub entity_type: String,
    /// The item's id on the source.
    pub entity_id: Option<String>,
    /// The item's id on the target.
    pub external_id: Option<String>,
    pub source_key: Option<String>,
    pub source_url: Option<String>,
    pub target_key: Option<String>,
    pub target_url: Option<String>,
    /// The result of the last sync.
    #[schema(schema_with = words::<SyncStatus>)]
    pub sync_status: SyncStatus,
    /// Whether both sides are known.
    #[schema(schema_with = words::<LinkState>)]
    pub link_state: LinkState,
    /// What triggered the last sync.
    #[schema(schema_with = maybe_words::<SyncMethod>)]
    pub sync_method: Option<SyncMethod>,
    #[schema(schema_with = words::<SyncDirection>)]
    pub sync_direction: SyncDirection,
    pub last_sync_attempt: Option<DateTime<Utc>>,
    pub last_successful_sync: Option<DateTime<Utc>>,
    /// The earliest time of the next attempt; none if none is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Failures since the last success.
    pub error_count: i32,
    /// The error of the last attempt.
    pub last_error: Option<String>,
    pub content_hash: Option<String>,
    /// When the source item was modified, by the source's clock.
    pub local_modified: Option<DateTime<Utc>>,
    /// When the target item was modified, by the target's clock.
    pub remote_modified: Option<DateTime<Utc>>,
    /// Since when complete listings lack one side's item.
    pub missing_since: Option<DateTime<Utc>>,
    pub deleted_at: Option<DateTime<Utc>>,
    /// The strategy that resolved its last conflict.
    pub resolution_strategy: Option<String>,
    /// The duration of its last sync, in milliseconds.
    pub sync_duration_ms: Option<i64>,
    /// Calls made for this link alone in its last sync.
    pub api_calls_count: i32,
    /// The ids of its open conflicts.
    pub conflicts: Vec<i64>,
    /// The values that the two sides last agreed on. Null in lists, and without the scope data:read.
    pub base: Option<BaseView>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// The fields of each side as that side last returned them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BaseView {
    pub source: Value,
    pub target: Value,
}

/// List links
#[utoipa::path(
    get,
    path = "/api/v1/sync/mappings",
    operation_id = "list_mappings",
    tag = "mappings",
    params(MappingsQuery),
    responses((status = 200, description = "A page of links.", body = MappingList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(mut query): StrictQuery<MappingsQuery>,
) -> Result<Json<MappingList>, Problem> {
    let limit = page::limit(query.limit.take());
    let cursor = query.cursor.take();
    let list = ("mappings", caller.project, &query);
    let start = page::start(&api, &list, cursor.as_deref()).await?;
    let sync = match query.config_id {
        Some(id) => Some(configs::get(&api.db, &caller, id).await?.id),
        None => None,
    };
    let asked = LinksQuery {
        sync,
        entity_type: either("elder_type", &query.entity_type, &query.elder_type)?,
        status: query.sync_status,
        entity_id: query.entity_id.clone(),
        external_id: either("jira_id", &query.external_id, &query.jira_id)?,
        filter: query.q.clone(),
        start,
        limit,
    };
    let found = links::list(&api.db, &caller, &asked).await?;
    let known = syncs::all(&api.db).await?;
    Ok(Json(MappingList {
        mappings: found.rows.into_iter().map(|link| view(&caller, link, &known, false)).collect(),
        next_cursor: page::next(&api, &list, found.next).await?,
    }))
}

/// The value of a key, or of its older name.
fn either(older: &str, one: &Option<String>, other: &Option<String>) -> Result<Option<String>, Problem> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => {
            Err(invalid_query(older, "stands beside the newer name, with another value; give one of them"))
        }
        _ => Ok(one.clone().or_else(|| other.clone())),
    }
}

/// Show a link
#[utoipa::path(
    get,
    path = "/api/v1/sync/mappings/{id}",
    operation_id = "show_mapping",
    tag = "mappings",
    params(("id" = i64, Path, minimum = 1, description = "The id of the link.")),
    responses((status = 200, description = "The link.", body = MappingView)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
) -> Result<Json<MappingView>, Problem> {
    let link = links::get(&api.db, &caller, id).await?;
    let known = syncs::by_id(&api.db, link.sync_config_id).await?;
    let known = known.into_iter().map(|sync| (sync.id, sync.named())).collect();
    Ok(Json(view(&caller, link, &known, true)))
}

/// List the changes of a link, the latest first
#[utoipa::path(
    get,
    path = "/api/v1/sync/mappings/{id}/history",
    operation_id = "list_changes_of_mapping",
    tag = "mappings",
    params(("id" = i64, Path, minimum = 1, description = "The id of the link."), PageQuery),
    responses((status = 200, description = "A page of changes.", body = ChangesOfRun)),
)]
pub(crate) async fn history(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Json<ChangesOfRun>, Problem> {
    let limit = page::limit(query.limit);
    let list = ("mapping", id);
    let start = page::start(&api, &list, query.cursor.as_deref()).await?;
    let found = links::history(&api.db, &caller, id, start, limit).await?;
    Ok(Json(ChangesOfRun {
        changes: found.rows.into_iter().map(|change| change_view(&caller, change)).collect(),
        next_cursor: page::next(&api, &list, found.next).await?,
    }))
}

fn view(
    caller: &Caller,
    link: sync_metadata::Model,
    known: &HashMap<i64, NamedSync>,
    with_base: bool,
) -> MappingView {
    let sync = known.get(&link.sync_config_id);
    let open = link.conflicts.as_ref().and_then(Value::as_array).into_iter().flatten();
    let conflicts = open.filter_map(|conflict| conflict["id"].as_i64()).collect();
    let base = (with_base && caller.may(Scope::DataRead)).then(|| BaseView {
        source: link.base_source.clone().unwrap_or_default(),
        target: link.base_target.clone().unwrap_or_default(),
    });
    MappingView {
        id: link.id,
        config_id: link.sync_config_id,
        sync: sync.map(|sync| sync.name.clone()),
        project: sync.map(|sync| sync.project.clone()),
        item: item(&link),
        entity_type: link.entity_type,
        entity_id: link.entity_id,
        external_id: link.external_id,
        source_key: link.source_key,
        source_url: link.source_url,
        target_key: link.target_key,
        target_url: link.target_url,
        sync_status: link.sync_status,
        link_state: link.link_state,
        sync_method: link.sync_method,
        sync_direction: link.sync_direction,
        last_sync_attempt: link.last_sync_attempt,
        last_successful_sync: link.last_successful_sync,
        next_attempt_at: link.next_attempt_at,
        error_count: link.error_count,
        last_error: link.last_error.map(|error| told(caller, error)),
        content_hash: link.content_hash,
        local_modified: link.local_modified,
        remote_modified: link.remote_modified,
        missing_since: link.missing_since,
        deleted_at: link.deleted_at,
        resolution_strategy: link.resolution_strategy,
        sync_duration_ms: link.sync_duration_ms,
        api_calls_count: link.api_calls_count,
        conflicts,
        base,
        created_at: link.created_at,
        updated_at: link.updated_at,
    }
}
