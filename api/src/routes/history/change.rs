//! A change as lists show it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use syncline_entity::{
    sync_metadata,
    types::{ChangeState, Side},
};
use syncline_service::{Caller, Scope, history::Change};
use utoipa::ToSchema;
use uuid::Uuid;

use super::of_run::told;
use crate::schema::words;

/// One field of one item changed on one side by one run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": 12, "mapping_id": 4, "item": "T-1", "entity_id": "1", "external_id": "90", "source_key": "T-1",
    "target_key": null, "run": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a",
    "side": "target", "field": "title", "before": "Old", "after": "New", "rule": "source changed", "origin": "source",
    "state": "confirmed", "reason": null, "at": "2026-11-20T13:44:17Z",
})))]
pub struct ChangeView {
    pub id: i64,
    /// The link of the item.
    pub mapping_id: i64,
    /// The item's key or id, on the source or else on the target.
    pub item: String,
    /// The item's id on the source.
    pub entity_id: Option<String>,
    /// The item's id on the target.
    pub external_id: Option<String>,
    pub source_key: Option<String>,
    pub target_key: Option<String>,
    /// The run that made it.
    pub run: Uuid,
    /// The side that was written to.
    #[schema(schema_with = words::<Side>)]
    pub side: Side,
    /// None for a whole item, created or deleted.
    pub field: Option<String>,
    /// The value before; null without the scope data:read.
    pub before: Option<Value>,
    /// The value after; null without the scope data:read.
    pub after: Option<Value>,
    /// The mapping's rule or the strategy that decided it.
    pub rule: String,
    /// The system that the value came from.
    pub origin: String,
    /// Whether the write is known to have arrived.
    #[schema(schema_with = words::<ChangeState>)]
    pub state: ChangeState,
    /// Why it was not written, if it was not and that is still on record.
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

/// The view of a change for a caller.
pub fn view(caller: &Caller, Change { change, link, reason }: Change) -> ChangeView {
    let value = |value: Option<Value>| caller.may(Scope::DataRead).then(|| value.unwrap_or_default());
    ChangeView {
        id: change.id,
        mapping_id: change.link_id,
        item: link.as_ref().map_or_else(|| format!("link {}", change.link_id), item),
        entity_id: link.as_ref().and_then(|link| link.entity_id.clone()),
        external_id: link.as_ref().and_then(|link| link.external_id.clone()),
        source_key: link.as_ref().and_then(|link| link.source_key.clone()),
        target_key: link.as_ref().and_then(|link| link.target_key.clone()),
        run: change.run_id,
        side: change.side,
        field: change.field,
        before: value(change.before),
        after: value(change.after),
        rule: change.rule,
        origin: change.origin_system,
        state: change.state,
        reason: reason.map(|reason| told(caller, reason)),
        at: change.at,
    }
}

/// The name of a link's item.
pub(crate) fn item(link: &sync_metadata::Model) -> String {
    let names = [&link.source_key, &link.entity_id, &link.target_key, &link.external_id];
    names.into_iter().flatten().next().cloned().unwrap_or_else(|| format!("link {}", link.id))
}
