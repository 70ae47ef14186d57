//! Writes the state of links after their items were processed.

use sea_orm::{DatabaseTransaction, Value};
use syncline_engine::{
    Side,
    hash::Hash,
    ports::{ItemStatus, LinkRef, LinkState, Recorded, StoreError},
    side::Pair,
    value::{Fields, fields_to_json},
};

use super::{
    LinkStore, bulk, database,
    reused::{release, release_within},
};

const STATE: [bulk::Column; 40] = [
    bulk::set("entity_id", "text"),
    bulk::set("external_id", "text"),
    bulk::set("sync_status", "text"),
    bulk::set("link_state", "text"),
    bulk::set("sync_method", "text"),
    bulk::set("sync_direction", "text"),
    bulk::set("last_sync_attempt", "timestamptz"),
    bulk::set("next_attempt_at", "timestamptz"),
    bulk::set("error_count", "integer"),
    bulk::set("last_error", "text"),
    bulk::set("sync_batch_id", "uuid"),
    bulk::set("content_hash", "text"),
    bulk::set("source_hash", "text"),
    bulk::set("target_hash", "text"),
    bulk::set("base_source", "jsonb"),
    bulk::set("base_target", "jsonb"),
    bulk::set("mapping_revision", "bigint"),
    bulk::set("missing_since", "timestamptz"),
    bulk::set("missing_side", "text"),
    bulk::set("deleted_side", "text"),
    bulk::set("last_run_id", "uuid"),
    bulk::set("sync_duration_ms", "bigint"),
    bulk::set("api_calls_count", "integer"),
    bulk::set("updated_at", "timestamptz"),
    bulk::set("intent_id", "uuid"),
    bulk::set("intent_kind", "text"),
    bulk::set("intent_side", "text"),
    bulk::set("intent", "jsonb"),
    bulk::set("intent_deadline", "timestamptz"),
    bulk::keep("last_successful_sync", "timestamptz"),
    bulk::keep("deleted_at", "timestamptz"),
    bulk::set("source_version", "text"),
    bulk::set("target_version", "text"),
    bulk::keep("source_key", "text"),
    bulk::keep("source_url", "text"),
    bulk::keep("target_key", "text"),
    bulk::keep("target_url", "text"),
    bulk::keep("local_modified", "timestamptz"),
    bulk::keep("remote_modified", "timestamptz"),
    bulk::keep("resolution_strategy", "text"),
];

/// Writes the state of each link. Returns ids and versions in the order of the batch.
pub(super) async fn record(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    batch: &[Recorded],
) -> Result<Vec<LinkRef>, StoreError> {
    let has_new_id = |record: &&Recorded| record.link.is_none() || !record.verdicts.is_empty();
    let living = batch.iter().filter(|record| record.state != LinkState::Tombstone);
    let taken: Vec<&Pair<Option<String>>> = living.filter(has_new_id).map(|record| &record.ids).collect();
    release(store, tx, taken.iter().copied()).await.map_err(database)?;
    let batch = &*release_within(tx, batch, &taken).await.map_err(database)?;
    let known: Vec<(LinkRef, Vec<Value>)> =
        batch.iter().filter_map(|record| Some((record.link?, state_values(store, record)))).collect();
    let count = known.len() as u64;
    let updated = bulk::update_links(tx, &STATE, known).await.map_err(database)?;
    if updated != count {
        return Err(StoreError::Outdated);
    }
    let made = insert_new(store, tx, batch).await?;
    let mut made = made.into_iter();
    batch
        .iter()
        .map(|record| match record.link {
            Some(at) => Ok(LinkRef { id: at.id, version: at.version + 1 }),
            None => made.next().ok_or(StoreError::Outdated),
        })
        .collect()
}

/// Inserts the links that this record creates: pairs found in sync, and items that could not be created yet.
async fn insert_new(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    batch: &[Recorded],
) -> Result<Vec<LinkRef>, StoreError> {
    let new: Vec<&Recorded> = batch.iter().filter(|record| record.link.is_none()).collect();
    let rows: Vec<Vec<Value>> = new
        .iter()
        .map(|record| {
            let mut values = vec![
                store.sync.config_id.into(),
                store.sync.entity_type.clone().into(),
                store.now().into(),
                0_i64.into(),
            ];
            values.extend(state_values(store, record));
            values
        })
        .collect();
    let columns: Vec<&str> = ["sync_config_id", "entity_type", "created_at", "version"]
        .into_iter()
        .chain(STATE.map(|column| column.name))
        .collect();
    let returning = "RETURNING id, entity_id, external_id";
    let answers = bulk::insert(tx, "sync_metadata", &columns, &rows, returning).await.map_err(database)?;
    let mut made = std::collections::HashMap::with_capacity(answers.len());
    for row in answers {
        let id: i64 = row.try_get("", "id").map_err(database)?;
        let source: Option<String> = row.try_get("", "entity_id").map_err(database)?;
        let target: Option<String> = row.try_get("", "external_id").map_err(database)?;
        made.insert((source, target), id);
    }
    new.iter()
        .map(|record| {
            let ids = (record.ids.source.clone(), record.ids.target.clone());
            made.get(&ids).map(|id| LinkRef { id: *id, version: 0 }).ok_or(StoreError::Outdated)
        })
        .collect()
}

fn state_values(store: &LinkStore, record: &Recorded) -> Vec<Value> {
    let now = store.now();
    let hash = |side: Side| -> Option<String> { record.hash.get(side).map(|hash: Hash| hash.to_string()) };
    let base = |side: Side| -> Option<serde_json::Value> { base_json(&record.base, side) };
    let status = status(record);
    let succeeded = matches!(record.status, ItemStatus::Completed | ItemStatus::Skipped);
    let none_text = || Value::from(None::<String>);
    vec![
        record.ids.source.clone().into(),
        record.ids.target.clone().into(),
        status.into(),
        link_state(record.state).into(),
        store.run.method.as_str().into(),
        store.sync.direction.as_str().into(),
        now.into(),
        record.retry_at.into(),
        i32::try_from(record.error_count).unwrap_or(i32::MAX).into(),
        record.error.clone().into(),
        store.run.id.into(),
        hash(Side::Source).into(),
        hash(Side::Source).into(),
        hash(Side::Target).into(),
        base(Side::Source).into(),
        base(Side::Target).into(),
        record.mapping_revision.into(),
        record.missing.map(|(_, since)| since).into(),
        record.missing.map(|(side, _)| side.as_str()).into(),
        record.deleted_side.map(Side::as_str).into(),
        store.run.id.into(),
        i64::try_from(record.duration_ms).unwrap_or(i64::MAX).into(),
        i32::try_from(record.calls).unwrap_or(i32::MAX).into(),
        now.into(),
        Value::from(None::<uuid::Uuid>),
        none_text(),
        none_text(),
        Value::from(None::<serde_json::Value>),
        Value::from(None::<chrono::DateTime<chrono::Utc>>),
        succeeded.then_some(now).into(),
        (record.state == LinkState::Tombstone).then_some(now).into(),
        record.version.source.clone().into(),
        record.version.target.clone().into(),
        record.names.source.key.clone().into(),
        record.names.source.url.clone().into(),
        record.names.target.key.clone().into(),
        record.names.target.url.clone().into(),
        record.modified.source.into(),
        record.modified.target.into(),
        record.resolution.clone().into(),
    ]
}

/// Returns the new status. A link whose write is looked up again keeps its `next_attempt_at`.
fn status(record: &Recorded) -> &'static str {
    match record.status {
        ItemStatus::Skipped if record.retry_at.is_some() => "pending",
        ItemStatus::Completed => "completed",
        ItemStatus::Failed => "failed",
        ItemStatus::Conflict => "conflict",
        ItemStatus::Skipped => "skipped",
    }
}

fn link_state(state: LinkState) -> &'static str {
    match state {
        LinkState::Pending => "pending",
        LinkState::Linked => "linked",
        LinkState::OutOfScope => "out_of_scope",
        LinkState::Tombstone => "tombstone",
    }
}

fn base_json(base: &Pair<Fields>, side: Side) -> Option<serde_json::Value> {
    let fields = base.get(side);
    (!fields.is_empty()).then(|| fields_to_json(fields))
}
