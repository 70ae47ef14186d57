//! `/api/v1/sync/configs`: the stored syncs.

mod body;
pub mod change;
pub mod list;
pub(crate) mod pause;
pub mod revisions;
pub mod run;
pub mod text;
pub mod validate;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseConnection, DbErr};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_engine::spec::{Finding, Severity};
use syncline_entity::types::{Direction, ManagedBy};
use syncline_service::{Caller, Error, Origin, configs, syncs::StoredSync};
use utoipa::{IntoParams, ToSchema};

use crate::{
    schema::{one_of, words},
    state::ApiState,
};

/// A stored sync.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 3, "name": "tasks", "project": "default", "source_platform": "csv", "target_platform": "sql",
    "entity_type": "task", "direction": "bidirectional", "conflict_strategy": "last_write_wins", "enabled": true,
    "paused": false, "revision": 2, "managed_by": "api", "last_sync_at": null, "links": {
        "self": "/api/v1/sync/configs/3", "revisions": "/api/v1/sync/configs/3/revisions",
        "history": "/api/v1/sync/history?config_id=3" },
})))]
pub struct SyncView {
    pub id: i64,
    /// Unique within its project.
    pub name: String,
    /// The key of its project.
    pub project: String,
    pub source_platform: String,
    pub target_platform: String,
    /// The kind of the synced items.
    pub entity_type: String,
    #[schema(schema_with = words::<Direction>)]
    pub direction: Direction,
    pub conflict_strategy: String,
    /// True if schedules start runs.
    pub enabled: bool,
    /// True if a pause keeps its runs from beginning.
    pub paused: bool,
    /// Grows with each change of the document; the `ETag` has it, too.
    pub revision: i64,
    /// Where the document is maintained.
    #[schema(schema_with = words::<ManagedBy>)]
    pub managed_by: ManagedBy,
    /// When a run last ended.
    pub last_sync_at: Option<DateTime<Utc>>,
    pub links: SyncLinks,
}

/// Paths of related resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SyncLinks {
    /// The path of the sync itself.
    #[serde(rename = "self")]
    pub this: String,
    pub revisions: String,
    /// The runs of the sync.
    pub history: String,
}

/// A stored sync with its document.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 3, "name": "tasks", "project": "default", "source_platform": "csv", "target_platform": "sql",
    "entity_type": "task", "direction": "bidirectional", "conflict_strategy": "last_write_wins", "enabled": true,
    "paused": false, "revision": 2, "managed_by": "api", "last_sync_at": null, "links": {
        "self": "/api/v1/sync/configs/3", "revisions": "/api/v1/sync/configs/3/revisions",
        "history": "/api/v1/sync/history?config_id=3" },
    "document": { "name": "tasks", "source_platform": "csv" }, "warnings": [],
})))]
pub struct SyncWithDocument {
    #[serde(flatten)]
    pub sync: SyncView,
    /// The document, with `***` for each password. Sent back, such a password stays as it is.
    #[schema(value_type = Object)]
    pub document: Value,
    /// What may keep its runs from succeeding.
    pub warnings: Vec<Remark>,
}

/// A remark on a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "severity": "error", "path": "delete_policy", "pointer": "/delete_policy",
    "message": "csv cannot archive; it can: ignore, delete",
})))]
pub struct Remark {
    /// `error`: the document cannot be stored; `warning`: a run of it may fail.
    #[schema(schema_with = severities)]
    pub severity: &'static str,
    /// The key: `field_mappings[2].values`.
    pub path: String,
    /// The key as a JSON Pointer.
    pub pointer: String,
    /// What is wrong, and what to do.
    pub message: String,
}

fn severities() -> utoipa::openapi::Schema {
    one_of(["error", "warning"])
}

pub(crate) fn remark(finding: Finding) -> Remark {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    Remark {
        severity,
        pointer: crate::json::pointer(&finding.path),
        path: finding.path,
        message: finding.message,
    }
}

/// In which project a sync is that the path names. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfProject {
    /// The project of a sync that is named; by default the token's, else `default`.
    project: Option<String>,
}

/// The sync with this id or name, if the caller sees it.
async fn found(api: &ApiState, caller: &Caller, of: &OfProject, which: &str) -> Result<StoredSync, Error> {
    configs::find_seen(&api.db, caller, of.project.as_deref(), which).await
}

/// What documents in requests may name.
fn origin(api: &ApiState) -> Origin<'_> {
    Origin::Http(&api.allow)
}

pub(crate) fn path_of(prefix: &str, id: i64) -> String {
    format!("{prefix}/api/v1/sync/configs/{id}")
}

/// The view of a sync, on a server whose paths have a prefix.
pub fn view(prefix: &str, sync: &StoredSync, paused: &HashSet<i64>) -> SyncView {
    let this = path_of(prefix, sync.id);
    SyncView {
        id: sync.id,
        name: sync.name.clone(),
        project: sync.project.clone(),
        source_platform: sync.source_platform.clone(),
        target_platform: sync.target_platform.clone(),
        entity_type: sync.entity_type.clone(),
        direction: sync.direction,
        conflict_strategy: sync.conflict_strategy.clone(),
        enabled: sync.enabled,
        paused: paused.contains(&sync.id),
        revision: sync.revision,
        managed_by: sync.managed_by,
        last_sync_at: sync.last_sync_at,
        links: SyncLinks {
            revisions: format!("{this}/revisions"),
            history: format!("{prefix}/api/v1/sync/history?config_id={}", sync.id),
            this,
        },
    }
}

/// The view of a sync with its document.
pub async fn whole(
    db: &DatabaseConnection,
    prefix: &str,
    sync: &StoredSync,
    warnings: Vec<Finding>,
) -> Result<SyncWithDocument, DbErr> {
    let paused = configs::paused(db, std::slice::from_ref(sync)).await?;
    Ok(SyncWithDocument {
        sync: view(prefix, sync, &paused),
        document: configs::document(sync),
        warnings: warnings.into_iter().map(remark).collect(),
    })
}
