//! `/api/v1/sync/conflicts`: where the two sides disagree.

pub mod list;
pub mod resolve;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use syncline_engine::conflict::Choice;
use syncline_service::{
    Caller, Scope,
    choice::{chosen, seen},
    conflicts::FoundConflict,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::history::change::item;

/// A conflict.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 7, "config_id": 3, "sync": "tasks", "project": "default", "mapping_id": 4, "item": "T-1", "entity_type": "task",
    "entity_id": "1", "external_id": "90", "source_key": "T-1", "target_key": null, "field": "title", "kind": "field_mismatch", "base": "Old", "source": "Ours",
    "target": "Theirs", "elder_data": "Ours", "external_data": "Theirs", "value": null, "seen": "9f2c", "source_modified": null,
    "target_modified": null, "resolved": false, "resolution": null, "resolution_strategy": "manual", "resolved_at": null,
    "resolved_by": null, "occurrences": 1, "escalated_at": null, "created_at": "2026-11-20T13:44:17Z",
    "run": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "resolve_run": null,
})))]
pub struct ConflictView {
    pub id: i64,
    /// The id of the sync.
    pub config_id: i64,
    pub sync: String,
    pub project: String,
    /// The link of the item.
    pub mapping_id: i64,
    /// The item's key or id, on the source or else on the target.
    pub item: String,
    pub entity_type: String,
    /// The item's id on the source.
    pub entity_id: Option<String>,
    /// The item's id on the target.
    pub external_id: Option<String>,
    pub source_key: Option<String>,
    pub target_key: Option<String>,
    /// None if it is about the whole item.
    pub field: Option<String>,
    /// `field_mismatch`, `edit_delete`, `timestamp` and others.
    pub kind: String,
    /// The last value that both sides agreed on. This and the other values are null without the scope data:read.
    pub base: Option<Value>,
    pub source: Option<Value>,
    pub target: Option<Value>,
    /// The same as `source`.
    pub elder_data: Option<Value>,
    /// The same as `target`.
    pub external_data: Option<Value>,
    /// The value that a person chose, if it is neither a side's nor the base.
    pub value: Option<Value>,
    /// A hash of the values of both sides, to bind a choice to them; null without the scope data:read.
    pub seen: Option<String>,
    /// When the source was modified, if its platform says.
    pub source_modified: Option<DateTime<Utc>>,
    /// When the target was modified, if its platform says.
    pub target_modified: Option<DateTime<Utc>>,
    pub resolved: bool,
    /// What was chosen: `source`, `target`, `base` or `value`. Until the run is over it waits, and `resolved` is false.
    pub resolution: Option<String>,
    /// The strategy that resolved it or left it to a person.
    pub resolution_strategy: Option<String>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub resolved_by: Option<String>,
    /// How often runs met it.
    pub occurrences: i32,
    /// When it was left to a person because it came back too often.
    pub escalated_at: Option<DateTime<Utc>>,
    /// When it was first met.
    pub created_at: DateTime<Utc>,
    /// The run that met it last.
    pub run: Uuid,
    /// The run that carried out a person's choice.
    pub resolve_run: Option<Uuid>,
}

/// The view of a conflict for a caller.
pub fn view(caller: &Caller, found: FoundConflict) -> ConflictView {
    let FoundConflict { conflict, link, sync } = found;
    let choice = chosen(&conflict);
    let shown = caller.may(Scope::DataRead);
    let value = |value: &Option<Value>| shown.then(|| value.clone().unwrap_or_default());
    let chosen_value = match &choice {
        Some(Choice::Value(value)) => Some(value.to_json()),
        _ => None,
    };
    let seen = shown.then(|| seen(&conflict));
    ConflictView {
        id: conflict.id,
        config_id: sync.id,
        mapping_id: link.id,
        item: item(&link),
        sync: sync.row.name,
        project: sync.project,
        entity_type: link.entity_type,
        entity_id: link.entity_id,
        external_id: link.external_id,
        source_key: link.source_key,
        target_key: link.target_key,
        field: conflict.field,
        kind: conflict.conflict_type,
        base: value(&conflict.base_data),
        source: value(&conflict.source_data),
        target: value(&conflict.target_data),
        elder_data: value(&conflict.source_data),
        external_data: value(&conflict.target_data),
        value: chosen_value.filter(|_| shown),
        seen,
        source_modified: conflict.source_modified,
        target_modified: conflict.target_modified,
        resolved: conflict.resolved,
        resolution: choice.map(|choice| choice.as_str().to_owned()),
        resolution_strategy: conflict.resolution_strategy,
        resolved_at: conflict.resolved_at,
        resolved_by: conflict.resolved_by,
        occurrences: conflict.occurrences,
        escalated_at: conflict.escalated_at,
        created_at: conflict.created_at,
        run: conflict.run_id,
        resolve_run: conflict.resolve_run_id,
    }
}
