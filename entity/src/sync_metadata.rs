//! Links: the table for the state of a pair of items.

use sea_orm::entity::prelude::*;
use sea_orm::{DbBackend, DerivePartialModel, FromQueryResult, Statement};
use serde::Deserialize;

use crate::types::{IntentKind, LinkState, Side, SyncDirection, SyncMethod, SyncStatus};

/// A link between one source item and one target item.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_metadata")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub sync_config_id: i64,
    /// The kind of item.
    pub entity_type: String,
    /// The source item's id. At least one of the two ids is present.
    pub entity_id: Option<String>,
    /// The target item's id.
    pub external_id: Option<String>,
    /// The source item's key for people.
    pub source_key: Option<String>,
    pub source_url: Option<String>,
    /// The target item's key for people.
    pub target_key: Option<String>,
    pub target_url: Option<String>,
    /// The result of the last sync.
    pub sync_status: SyncStatus,
    /// Whether both sides are known.
    pub link_state: LinkState,
    /// What triggered the last sync.
    pub sync_method: Option<SyncMethod>,
    pub sync_direction: SyncDirection,
    pub last_sync_attempt: Option<DateTimeUtc>,
    pub last_successful_sync: Option<DateTimeUtc>,
    /// The earliest time of the next attempt; null if none is due.
    pub next_attempt_at: Option<DateTimeUtc>,
    /// Failures since the last success.
    pub error_count: i32,
    /// The error of the last attempt.
    pub last_error: Option<String>,
    /// The batch that last touched it.
    pub sync_batch_id: Option<Uuid>,
    /// Hash, in hex, of the content that both sides agreed on.
    pub content_hash: Option<String>,
    /// Hash, in hex, of the source's base.
    pub source_hash: Option<String>,
    /// Hash, in hex, of the target's base.
    pub target_hash: Option<String>,
    /// The source's fields as the source last returned them.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub base_source: Option<Json>,
    /// The target's fields as the target last returned them.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub base_target: Option<Json>,
    /// The mapping revision that related the two bases.
    pub mapping_revision: i64,
    /// When the source item was modified, by the source's clock.
    pub local_modified: Option<DateTimeUtc>,
    /// When the target item was modified, by the target's clock.
    pub remote_modified: Option<DateTimeUtc>,
    /// Version or ETag of the source item.
    pub source_version: Option<String>,
    /// Version or ETag of the target item.
    pub target_version: Option<String>,
    /// Since when complete listings lack one side's item.
    pub missing_since: Option<DateTimeUtc>,
    pub missing_side: Option<Side>,
    /// The write in progress; see `intent`.
    pub intent_id: Option<Uuid>,
    pub intent_kind: Option<IntentKind>,
    pub intent_side: Option<Side>,
    /// What is about to be written.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub intent: Option<Json>,
    /// When its sender stops.
    pub intent_deadline: Option<DateTimeUtc>,
    /// When one side was deleted.
    pub deleted_at: Option<DateTimeUtc>,
    pub deleted_side: Option<Side>,
    /// Raised by every write, for compare-and-set between concurrent runs.
    pub version: i64,
    /// The run that last wrote it (`sync_history.run_uid`, which retention may have removed).
    pub last_run_id: Option<Uuid>,
    /// What an older installation stored for this pair (see the migration `align_sync_schema`).
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub legacy: Option<Json>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// The strategy that resolved its last conflict.
    pub resolution_strategy: Option<String>,
    /// The duration of its last sync.
    pub sync_duration_ms: Option<i64>,
    /// Calls made for this link alone in its last sync.
    pub api_calls_count: i32,
    /// A summary of its open rows in `sync_conflicts`, which is authoritative: `[{id, field, kind, base, local,
    /// remote}]`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub conflicts: Option<Json>,
}

/// What a run needs to know about each link before it reads the whole row; read 1,000 per statement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct LinkBrief {
    pub id: i64,
    pub entity_id: Option<String>,
    pub external_id: Option<String>,
    /// Hash of the source's base.
    pub source_hash: Option<String>,
    /// Hash of the target's base.
    pub target_hash: Option<String>,
    /// The result of the last sync.
    pub sync_status: SyncStatus,
    /// Whether both sides are known.
    pub link_state: LinkState,
    /// The side that a complete listing lacked.
    pub missing_side: Option<Side>,
    /// The earliest time of the next attempt.
    pub next_attempt_at: Option<DateTimeUtc>,
    /// The mapping revision that related the two bases.
    pub mapping_revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
    /// Runs for this link alone.
    #[sea_orm(has_many = "super::sync_history::Entity")]
    Runs,
    /// Its conflicts, open and resolved.
    #[sea_orm(has_many = "super::sync_conflict::Entity")]
    Conflicts,
    /// Its audit trail.
    #[sea_orm(has_many = "super::sync_change::Entity")]
    Changes,
    /// How long its items were in each status.
    #[sea_orm(has_many = "super::status_history::Entity")]
    Stays,
}

impl Related<super::sync_config::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncConfig.def()
    }
}

impl Related<super::sync_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Runs.def()
    }
}

impl Related<super::sync_conflict::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Conflicts.def()
    }
}

impl Related<super::sync_change::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Changes.def()
    }
}

impl Related<super::status_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Stays.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The numbers of a sync's links.
#[derive(Debug, FromQueryResult)]
pub struct LinkTally {
    /// All, ended ones included.
    pub links: i64,
    /// Those that have not ended.
    pub living: i64,
    /// Those that a run processes although neither item changed.
    pub due: i64,
}

/// Counts the links of a sync. Due are living links in scope that wait for a retry until `by` (or at all, if it is none),
/// that are unfinished or miss an item, or that were merged with another revision of the mapping.
pub async fn tally(
    db: &impl ConnectionTrait,
    sync_config_id: i64,
    by: Option<DateTimeUtc>,
    mapping_revision: i64,
) -> Result<LinkTally, DbErr> {
    let waits = if by.is_some() { "next_attempt_at <= $3" } else { "next_attempt_at IS NOT NULL" };
    let sql = format!(
        "SELECT count(*) AS links, count(*) FILTER (WHERE link_state <> 'tombstone') AS living, \
         count(*) FILTER (WHERE link_state NOT IN ('tombstone', 'out_of_scope') AND (mapping_revision <> $1 \
         OR {waits} OR (next_attempt_at IS NULL AND (missing_side IS NOT NULL \
         OR sync_status IN ('pending', 'failed', 'in_progress'))))) AS due \
         FROM sync_metadata WHERE sync_config_id = $2"
    );
    let mut values = vec![mapping_revision.into(), sync_config_id.into()];
    values.extend(by.map(sea_orm::Value::from));
    let tally =
        LinkTally::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
            .one(db)
            .await?;
    tally.ok_or_else(|| DbErr::RecordNotFound("the numbers of a sync's links".to_owned()))
}

/// The columns of [`LinkBrief`], in order.
const BRIEF: &str = "id, entity_id, external_id, source_hash, target_hash, sync_status, link_state, missing_side, \
                     next_attempt_at, mapping_revision";

/// Returns the next links of a sync after `after`, in order of id, at most `limit`.
pub async fn briefs(
    db: &impl ConnectionTrait,
    sync_config_id: i64,
    after: i64,
    limit: u64,
) -> Result<Vec<LinkBrief>, DbErr> {
    // Each run of a sync runs this query, often for a few links. SQLite prepares a statement again at every use if its
    // limit is a bare parameter, which takes longer than the query.
    let backend = db.get_database_backend();
    let marks = match backend {
        DbBackend::Postgres => ["$1", "$2", "$3"],
        _ => ["?", "?", "?"],
    };
    let [sync, first, limited] = marks;
    let sql = format!(
        "SELECT {BRIEF} FROM sync_metadata WHERE sync_config_id = {sync} AND id > {first} ORDER BY id \
         LIMIT {limited} + 0"
    );
    let values = [sync_config_id, after, i64::try_from(limit).unwrap_or(i64::MAX)].map(sea_orm::Value::from);
    if backend == DbBackend::Sqlite
        && let Some(links) = packed(db, &sql, values.clone()).await?
    {
        return Ok(links);
    }
    LinkBrief::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(db).await
}

/// Returns the links as the one row of a statement: for SQLite's driver a row costs more than reading it. None if a
/// value is not in the form in which Syncline writes it.
async fn packed(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [sea_orm::Value; 3],
) -> Result<Option<Vec<LinkBrief>>, DbErr> {
    // The aggregate follows the order of its subquery; if it does not, the sort below restores the order.
    let sql =
        format!("SELECT '[' || coalesce(group_concat(json_array({BRIEF})), '') || ']' AS links FROM ({sql})");
    let row = db.query_one_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await?;
    let Some(row) = row else { return Ok(None) };
    let text: String = row.try_get("", "links")?;
    // serde reads a JSON array as a struct by the order of its fields.
    let Ok(mut links) = serde_json::from_str::<Vec<LinkBrief>>(&text) else { return Ok(None) };
    links.sort_by_key(|link| link.id);
    Ok(Some(links))
}
