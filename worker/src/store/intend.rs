//! Intents, committed before their writes are sent.

use std::collections::HashMap;

use sea_orm::{DatabaseTransaction, Value};
use syncline_engine::{
    Side,
    ports::{Intended, LinkRef, StoreError},
};
use uuid::Uuid;

use super::{LinkStore, bulk, database, reused::release};

const INTENT: [bulk::Column; 8] = [
    bulk::set("intent_id", "uuid"),
    bulk::set("intent_kind", "text"),
    bulk::set("intent_side", "text"),
    bulk::set("intent", "jsonb"),
    bulk::set("intent_deadline", "timestamptz"),
    bulk::set("last_run_id", "uuid"),
    bulk::set("last_sync_attempt", "timestamptz"),
    bulk::set("updated_at", "timestamptz"),
];

const NEW: [&str; 10] = [
    "sync_config_id",
    "entity_type",
    "entity_id",
    "external_id",
    "sync_status",
    "link_state",
    "sync_direction",
    "sync_method",
    "created_at",
    "version",
];

/// Writes intents to links, creating missing links. Returns ids and versions in the order of the batch.
pub(super) async fn intend(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    batch: &[Intended],
) -> Result<Vec<LinkRef>, StoreError> {
    let mut known = Vec::new();
    let mut new = Vec::new();
    for intended in batch {
        match intended.link {
            Some(at) => known.push((at, intent_values(store, intended)?)),
            None => new.push(new_values(store, intended)?),
        }
    }
    let count = known.len() as u64;
    let updated = bulk::update_links(tx, &INTENT, known).await.map_err(database)?;
    if updated != count {
        return Err(StoreError::Outdated);
    }
    let ids = batch.iter().filter(|intended| intended.link.is_none()).map(|intended| &intended.ids);
    release(store, tx, ids).await.map_err(database)?;
    let columns: Vec<&str> = NEW.into_iter().chain(INTENT.map(|column| column.name)).collect();
    let returning = "RETURNING id, entity_id, external_id";
    let rows = bulk::insert(tx, "sync_metadata", &columns, &new, returning).await.map_err(database)?;
    let mut made: HashMap<(Option<String>, Option<String>), i64> = HashMap::with_capacity(rows.len());
    for row in rows {
        let id = row.try_get("", "id").map_err(database)?;
        let ids = (
            row.try_get("", "entity_id").map_err(database)?,
            row.try_get("", "external_id").map_err(database)?,
        );
        made.insert(ids, id);
    }
    batch
        .iter()
        .map(|intended| match intended.link {
            Some(at) => Ok(LinkRef { id: at.id, version: at.version + 1 }),
            None => {
                let ids = (intended.ids.source.clone(), intended.ids.target.clone());
                made.get(&ids).map(|id| LinkRef { id: *id, version: 0 }).ok_or(StoreError::Outdated)
            }
        })
        .collect()
}

fn intent_values(store: &LinkStore, intended: &Intended) -> Result<Vec<Value>, StoreError> {
    let first = intended.intent.ops.first();
    let intent =
        serde_json::to_value(&intended.intent).map_err(|error| StoreError::Database(Box::new(error)))?;
    let now = store.now();
    Ok(vec![
        Uuid::now_v7().into(),
        first.map(|op| op.kind.as_str()).into(),
        first.map(|op| op.side.as_str()).into(),
        intent.into(),
        intended.intent.deadline.into(),
        store.run.id.into(),
        now.into(),
        now.into(),
    ])
}

fn new_values(store: &LinkStore, intended: &Intended) -> Result<Vec<Value>, StoreError> {
    let id = |side: Side| Value::from(intended.ids.get(side).clone());
    let mut values = vec![
        store.sync.config_id.into(),
        store.sync.entity_type.clone().into(),
        id(Side::Source),
        id(Side::Target),
        "in_progress".into(),
        "pending".into(),
        store.sync.direction.as_str().into(),
        store.run.method.as_str().into(),
        store.now().into(),
        0_i64.into(),
    ];
    values.extend(intent_values(store, intended)?);
    Ok(values)
}
