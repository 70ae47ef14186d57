//! Conflicts: opens, updates and resolves them, and updates their summary on the link in the same transaction.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Value};
use serde_json::{Value as Json, json};
use syncline_engine::{
    Side,
    conflict::Conflict,
    ports::{LinkRef, Recorded},
};
use syncline_entity::{event::NewEvent, sync_conflict, types::EventType};
use syncline_sql::statement;

use super::LinkStore;

/// Writes the conflicts of a batch. Returns their events.
pub(super) async fn record(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    batch: &[Recorded],
    refs: &[LinkRef],
) -> Result<Vec<NewEvent>, DbErr> {
    let mut told = Vec::new();
    for (record, at) in batch.iter().zip(refs) {
        if record.conflicts.is_empty() && record.closed_conflicts.is_empty() {
            continue;
        }
        for conflict in &record.conflicts {
            let known = meet_again(store, tx, at.id, conflict).await?;
            let id = match known {
                Some(id) => id,
                None => insert(store, tx, at.id, conflict).await?,
            };
            let kind = match (&conflict.resolution, known) {
                (Some(_), _) => EventType::ConflictResolved,
                (None, Some(_)) => EventType::ConflictUpdated,
                (None, None) => EventType::ConflictDetected,
            };
            let facts = json!({ "kind": conflict.kind.as_str(), "field": conflict.field });
            told.push(event(store, kind, at.id, id, facts));
        }
        for id in &record.closed_conflicts {
            if close(store, tx, *id).await? {
                told.push(event(store, EventType::ConflictResolved, at.id, *id, json!({})));
            }
        }
        sync_conflict::summarise(tx, at.id).await?;
    }
    Ok(told)
}

fn event(store: &LinkStore, kind: EventType, link: i64, conflict: i64, mut facts: Json) -> NewEvent {
    let sync = store.sync.config_id;
    facts["conflict"] = json!(conflict);
    facts["link"] = json!(link);
    facts["sync"] = json!(sync);
    facts["run"] = json!(store.run.id);
    let event = NewEvent::new(kind, Some(store.sync.project_id), facts).about(conflict);
    event.of_sync(sync).of_links(&[link])
}

/// Updates or resolves the open row of the same link and field, and returns its id; `None` if there is none.
async fn meet_again(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    link: i64,
    conflict: &Conflict,
) -> Result<Option<i64>, DbErr> {
    // A choice applies to the values it was made for; other values need a new choice. A choice of the base or of a
    // value is in its own column, with the person who made it.
    let sql = "UPDATE sync_conflicts SET occurrences = occurrences + 1, run_id = ?, conflict_type = ?, base_data = ?, \
               source_data = ?, target_data = ?, source_modified = ?, target_modified = ?, resolved = ?, resolved_at = ?, \
               resolved_by = CASE WHEN ? THEN COALESCE(resolved_by, choice ->> 'by') WHEN ? THEN \
               COALESCE(resolved_by, ?) END, choice = CASE WHEN ? THEN choice END, \
               resolution = CASE WHEN ? THEN COALESCE(resolution, ?) END, \
               resolution_strategy = COALESCE(?, resolution_strategy), resolve_run_id = ? \
               WHERE link_id = ? AND COALESCE(field, '') = ? AND resolved = FALSE RETURNING id";
    let mut values = facts(store, conflict);
    let resolution = conflict.resolution.as_ref();
    let is_resolved = resolution.is_some();
    let side = resolution.and_then(|resolution| resolution.winner.side());
    let for_both = is_resolved && side.is_none();
    values.extend([
        is_resolved.into(),
        is_resolved.then(|| store.now()).into(),
        for_both.into(),
        is_resolved.into(),
        "strategy".into(),
        for_both.into(),
        side.is_some().into(),
        side.map(Side::as_str).into(),
        resolution.map(|resolution| resolution.reason.clone()).into(),
        is_resolved.then_some(store.run.id).into(),
        link.into(),
        conflict.field.clone().unwrap_or_default().into(),
    ]);
    let met = tx.query_one_raw(statement(tx.get_database_backend(), sql, values)).await?;
    met.map(|row| row.try_get("", "id")).transpose()
}

async fn insert(
    store: &LinkStore,
    tx: &DatabaseTransaction,
    link: i64,
    conflict: &Conflict,
) -> Result<i64, DbErr> {
    let sql = "INSERT INTO sync_conflicts (run_id, conflict_type, base_data, source_data, target_data, source_modified, \
               target_modified, resolved, resolved_at, resolved_by, resolution, resolution_strategy, resolve_run_id, \
               link_id, field, occurrences, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?) RETURNING id";
    let mut values = facts(store, conflict);
    let resolution = conflict.resolution.as_ref();
    let now = store.now();
    values.extend([
        resolution.is_some().into(),
        resolution.map(|_| now).into(),
        resolution.map(|_| "strategy").into(),
        resolution.and_then(|resolution| resolution.winner.side()).map(Side::as_str).into(),
        resolution.map(|resolution| resolution.reason.clone()).into(),
        resolution.map(|_| store.run.id).into(),
        link.into(),
        conflict.field.clone().into(),
        now.into(),
    ]);
    let made = tx.query_one_raw(statement(tx.get_database_backend(), sql, values)).await?;
    made.ok_or(DbErr::RecordNotInserted)?.try_get("", "id")
}

fn facts(store: &LinkStore, conflict: &Conflict) -> Vec<Value> {
    vec![
        store.run.id.into(),
        conflict.kind.as_str().into(),
        Some(conflict.base.to_json()).into(),
        Some(conflict.values.source.to_json()).into(),
        Some(conflict.values.target.to_json()).into(),
        conflict.modified.source.map(|instant| instant.at).into(),
        conflict.modified.target.map(|instant| instant.at).into(),
    ]
}

/// Resolves a conflict: the sides no longer disagree, or a person's choice has been applied. Returns false if it was
/// resolved before.
async fn close(store: &LinkStore, tx: &DatabaseTransaction, id: i64) -> Result<bool, DbErr> {
    let sql = "UPDATE sync_conflicts SET resolved = ?, resolved_at = ?, \
               resolved_by = COALESCE(resolved_by, 'the sides agree'), resolve_run_id = ? WHERE id = ? AND resolved = FALSE";
    let values = [true.into(), store.now().into(), store.run.id.into(), id.into()];
    Ok(tx.execute_raw(statement(tx.get_database_backend(), sql, values)).await?.rows_affected() > 0)
}
