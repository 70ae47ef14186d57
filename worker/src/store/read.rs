//! Reads links, in brief and whole.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
};
use syncline_engine::{
    Side, Value,
    conflict::OpenConflict,
    hash::Hash,
    ports::{
        BrokenListing, CursorState, Due, Intent, Link, LinkBrief, LinkRef, LinkState, StoreError, Tally,
    },
    side::Pair,
    value::fields_from_json,
};
use syncline_entity::{
    sync_conflict, sync_cursor, sync_metadata,
    types::{self, SyncStatus},
};

use syncline_service::choice;
use syncline_sql::{marks, pieces, statement};
use uuid::Uuid;

use super::{StoredListing, database};

pub(super) async fn tally(db: &DatabaseConnection, config_id: i64, due: &Due) -> Result<Tally, DbErr> {
    let tally = sync_metadata::tally(db, config_id, due.by, due.mapping_revision).await?;
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    Ok(Tally { links: number(tally.links), living: number(tally.living), due: number(tally.due) })
}

pub(super) async fn briefs(
    db: &DatabaseConnection,
    config_id: i64,
    after: i64,
    limit: u64,
) -> Result<Vec<LinkBrief>, DbErr> {
    let rows = sync_metadata::briefs(db, config_id, after, limit).await?;
    Ok(rows.into_iter().map(brief).collect())
}

fn brief(row: sync_metadata::LinkBrief) -> LinkBrief {
    let unfinished =
        matches!(row.sync_status, SyncStatus::Pending | SyncStatus::Failed | SyncStatus::InProgress);
    // An unfinished link without a time is due at once.
    let retry_at =
        if unfinished { Some(row.next_attempt_at.unwrap_or_default()) } else { row.next_attempt_at };
    LinkBrief {
        id: row.id,
        ids: Pair::new(row.entity_id, row.external_id),
        hash: Pair::new(hash(row.source_hash), hash(row.target_hash)),
        tombstone: row.link_state == types::LinkState::Tombstone,
        out_of_scope: row.link_state == types::LinkState::OutOfScope,
        retry_at,
        missing: row.missing_side.map(side),
        // A pending link has no other open question for a person.
        unanswered: row.link_state == types::LinkState::Pending && row.sync_status == SyncStatus::Conflict,
        mapping_revision: row.mapping_revision,
    }
}

pub(super) async fn links(
    db: &DatabaseConnection,
    config_id: i64,
    ids: &[i64],
) -> Result<Vec<Link>, StoreError> {
    let mut links = Vec::with_capacity(ids.len());
    for piece in pieces(ids) {
        let mut rows = sync_metadata::Entity::find()
            .filter(sync_metadata::Column::Id.is_in(piece.iter().copied()))
            .all(db)
            .await
            .map_err(database)?;
        // Filtered here and not in SQL: without fresh statistics PostgreSQL would use the index over the sync's links,
        // and read all of them.
        rows.retain(|row| row.sync_config_id == config_id);
        let disputed: Vec<i64> =
            rows.iter().filter(|row| row.conflicts.is_some()).map(|row| row.id).collect();
        let mut open = open_conflicts(db, &disputed).await.map_err(database)?;
        for row in rows {
            let conflicts = open.remove(&row.id).unwrap_or_default();
            links.push(link(row, conflicts)?);
        }
    }
    Ok(links)
}

async fn open_conflicts(
    db: &DatabaseConnection,
    links: &[i64],
) -> Result<HashMap<i64, Vec<OpenConflict>>, DbErr> {
    let mut open: HashMap<i64, Vec<OpenConflict>> = HashMap::new();
    if links.is_empty() {
        return Ok(open);
    }
    let rows = sync_conflict::Entity::find()
        .filter(sync_conflict::Column::LinkId.is_in(links.iter().copied()))
        .filter(sync_conflict::Column::Resolved.eq(false))
        .order_by_asc(sync_conflict::Column::Id)
        .all(db)
        .await?;
    for row in rows {
        let value = |json: Option<serde_json::Value>| json.as_ref().map_or(Value::Null, Value::from_json);
        let chosen = choice::chosen(&row);
        open.entry(row.link_id).or_default().push(OpenConflict {
            id: row.id,
            field: row.field,
            kind: row.conflict_type,
            values: Pair::new(value(row.source_data), value(row.target_data)),
            chosen,
        });
    }
    Ok(open)
}

fn link(row: sync_metadata::Model, conflicts: Vec<OpenConflict>) -> Result<Link, StoreError> {
    let fields = |json: Option<serde_json::Value>| json.as_ref().map(fields_from_json).unwrap_or_default();
    let intent = intent(row.intent, row.intent_deadline);
    let intent = intent.map_err(|error| StoreError::Newer { link: row.id, error: error.to_string() })?;
    Ok(Link {
        at: LinkRef { id: row.id, version: row.version },
        ids: Pair::new(row.entity_id, row.external_id),
        base: Pair::new(fields(row.base_source), fields(row.base_target)),
        hash: Pair::new(hash(row.source_hash), hash(row.target_hash)),
        modified: Pair::new(row.local_modified, row.remote_modified),
        state: match row.link_state {
            types::LinkState::Pending => LinkState::Pending,
            types::LinkState::Linked => LinkState::Linked,
            types::LinkState::OutOfScope => LinkState::OutOfScope,
            types::LinkState::Tombstone => LinkState::Tombstone,
        },
        deleted_side: row.deleted_side.map(side),
        missing: row.missing_side.map(side).zip(row.missing_since),
        error_count: u32::try_from(row.error_count).unwrap_or(0),
        mapping_revision: row.mapping_revision,
        intent,
        conflicts,
    })
}

/// Reads an intent with the deadline of its column, which is authoritative: a sender that stopped in order has ended it
/// there. Keys of newer versions are ignored. An intent that cannot be read is an error, since ignoring it would lose
/// its write.
fn intent(
    json: Option<serde_json::Value>,
    deadline: Option<DateTime<Utc>>,
) -> Result<Option<Intent>, serde_json::Error> {
    let Some(json) = json else { return Ok(None) };
    let mut intent: Intent = serde_json::from_value(json)?;
    if let Some(deadline) = deadline {
        intent.deadline = deadline;
    }
    Ok(Some(intent))
}

pub(super) async fn open_intents(db: &DatabaseConnection, config_id: i64) -> Result<Vec<i64>, DbErr> {
    // Few links have an intent, and a partial index contains those. The plus keeps SQLite from reading all links of the
    // sync instead.
    let backend = db.get_database_backend();
    let plus = if backend == DbBackend::Sqlite { "+" } else { "" };
    let sql = format!(
        "SELECT id FROM sync_metadata WHERE intent_deadline IS NOT NULL AND {plus}sync_config_id = ?"
    );
    let rows = db.query_all_raw(statement(backend, &sql, [config_id.into()])).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Returns the links whose open intent belongs to another run that is not over.
pub(super) async fn live_intents(
    db: &DatabaseConnection,
    run: Uuid,
    links: &[i64],
) -> Result<Vec<i64>, DbErr> {
    let mut live = Vec::new();
    for piece in pieces(links) {
        let sql = format!(
            "SELECT m.id FROM sync_metadata m JOIN sync_history h ON h.run_uid = m.last_run_id \
             WHERE m.intent_deadline IS NOT NULL AND h.run_uid <> ? AND h.completed_at IS NULL AND m.id IN ({})",
            marks(piece.len())
        );
        let values = std::iter::once(run.into()).chain(piece.iter().map(|id| (*id).into()));
        for row in db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await? {
            live.push(row.try_get("", "id")?);
        }
    }
    Ok(live)
}

pub(super) async fn cursor(
    db: &impl ConnectionTrait,
    config_id: i64,
    of: Side,
) -> Result<Option<CursorState>, DbErr> {
    let key = (config_id, entity_side(of), String::new());
    let row = sync_cursor::Entity::find_by_id(key).one(db).await?;
    Ok(row.map(|row| CursorState {
        // A cursor that cannot be read is ignored: the side is read completely.
        cursor: row.cursor.and_then(|text| serde_json::from_str(&text).ok()),
        last_full_at: row.last_full_at,
        reader: row.reader,
    }))
}

/// Returns the interrupted listing of a side. One that cannot be read is ignored: the side is listed from its start.
pub(super) async fn listing(
    db: &impl ConnectionTrait,
    config_id: i64,
    of: Side,
) -> Result<Option<BrokenListing>, DbErr> {
    let key = (config_id, entity_side(of), String::new());
    let Some(row) = sync_cursor::Entity::find_by_id(key).one(db).await? else { return Ok(None) };
    let position = row.listing.and_then(|text| serde_json::from_str::<StoredListing>(&text).ok());
    Ok(position.map(|stored| BrokenListing {
        whole: stored.whole,
        position: stored.position,
        seen: row.listed_ids.unwrap_or_default(),
    }))
}

/// Returns the items that other runs of a sync have removed since, except those that an operator approved.
pub(super) async fn removed_since(
    db: &impl ConnectionTrait,
    config_id: i64,
    run: Uuid,
    since: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let sql = "SELECT CAST(COALESCE(SUM(deleted), 0) AS bigint) AS removed FROM sync_history WHERE sync_config_id = ? \
               AND completed_at > ? AND run_uid <> ? AND deleted > 0 AND CAST(args AS text) NOT LIKE '%\"allow_deletes%'";
    let values = [config_id.into(), since.into(), run.into()];
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, values)).await?;
    let removed: i64 = row.map(|row| row.try_get("", "removed")).transpose()?.unwrap_or(0);
    Ok(removed.unsigned_abs())
}

fn hash(text: Option<String>) -> Option<Hash> {
    text.as_deref().and_then(Hash::parse)
}

fn side(side: types::Side) -> Side {
    match side {
        types::Side::Source => Side::Source,
        types::Side::Target => Side::Target,
    }
}

/// Converts the engine's side to the column's.
pub(super) fn entity_side(side: Side) -> types::Side {
    match side {
        Side::Source => types::Side::Source,
        Side::Target => types::Side::Target,
    }
}
