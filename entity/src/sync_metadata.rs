//! Links: the one table for the state of a pair of items.

use sea_orm::entity::prelude::*;
use sea_orm::{DbBackend, DerivePartialModel, FromQueryResult, Statement};

use crate::types::{IntentKind, LinkState, Side, SyncDirection, SyncMethod, SyncStatus};

/// A link between one source item and one target item.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_metadata")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The sync.
    pub sync_config_id: i64,
    /// What kind of item it is.
    pub entity_type: String,
    /// The source item's id. At least one of the two ids is present.
    pub entity_id: Option<String>,
    /// The target item's id.
    pub external_id: Option<String>,
    /// The source item's key for people.
    pub source_key: Option<String>,
    /// The source item's address.
    pub source_url: Option<String>,
    /// The target item's key for people.
    pub target_key: Option<String>,
    /// The target item's address.
    pub target_url: Option<String>,
    /// How the last sync ended.
    pub sync_status: SyncStatus,
    /// Whether both sides are there.
    pub link_state: LinkState,
    /// What set the last sync off.
    pub sync_method: Option<SyncMethod>,
    /// Which way values flow.
    pub sync_direction: SyncDirection,
    /// When it was last tried.
    pub last_sync_attempt: Option<DateTimeUtc>,
    /// When it last succeeded.
    pub last_successful_sync: Option<DateTimeUtc>,
    /// Not before this; null where nothing is due.
    pub next_attempt_at: Option<DateTimeUtc>,
    /// Failures since the last success.
    pub error_count: i32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// The batch that last touched it.
    pub sync_batch_id: Option<Uuid>,
    /// Hash, in hex, of what both sides agreed on.
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
    /// When the source item was modified, by the source.
    pub local_modified: Option<DateTimeUtc>,
    /// When the target item was modified, by the target.
    pub remote_modified: Option<DateTimeUtc>,
    /// Version or ETag of the source item.
    pub source_version: Option<String>,
    /// Version or ETag of the target item.
    pub target_version: Option<String>,
    /// Since when a complete listing lacks one side.
    pub missing_since: Option<DateTimeUtc>,
    /// Which side.
    pub missing_side: Option<Side>,
    /// The write that is under way; see `intent`.
    pub intent_id: Option<Uuid>,
    /// What the write does.
    pub intent_kind: Option<IntentKind>,
    /// Where it goes.
    pub intent_side: Option<Side>,
    /// What is about to be written.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub intent: Option<Json>,
    /// When its sender stops.
    pub intent_deadline: Option<DateTimeUtc>,
    /// When one side was deleted.
    pub deleted_at: Option<DateTimeUtc>,
    /// Which side.
    pub deleted_side: Option<Side>,
    /// Raised by every write; compare-and-set between runs that meet.
    pub version: i64,
    /// The run that last wrote it (`sync_history.run_uid`, which retention may have removed).
    pub last_run_id: Option<Uuid>,
    /// What an older installation held for this pair (see the migration `align_sync_schema`).
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub legacy: Option<Json>,
    /// When the link was made.
    pub created_at: DateTimeUtc,
    /// When it was last written.
    pub updated_at: DateTimeUtc,
    /// The strategy that settled its last conflict.
    pub resolution_strategy: Option<String>,
    /// How long its last sync took.
    pub sync_duration_ms: Option<i64>,
    /// Calls made for this link alone in its last sync.
    pub api_calls_count: i32,
    /// Its open rows of `sync_conflicts`, which is the truth: `[{id, field, kind, base, local, remote}]`.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub conflicts: Option<Json>,
}

/// What a run needs to know of each link before it looks closer; read 500 per statement.
#[derive(Clone, Debug, PartialEq, Eq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct LinkBrief {
    /// Row id.
    pub id: i64,
    /// For compare-and-set.
    pub version: i64,
    /// The source item's id.
    pub entity_id: Option<String>,
    /// The target item's id.
    pub external_id: Option<String>,
    /// Hash of the source's base.
    pub source_hash: Option<String>,
    /// Hash of the target's base.
    pub target_hash: Option<String>,
    /// How the last sync ended.
    pub sync_status: SyncStatus,
    /// Whether both sides are there.
    pub link_state: LinkState,
    /// Which side a complete listing lacked.
    pub missing_side: Option<Side>,
    /// Not before this.
    pub next_attempt_at: Option<DateTimeUtc>,
    /// The mapping revision that related the two bases.
    pub mapping_revision: i64,
    /// The write that is under way.
    pub intent_id: Option<Uuid>,
}

/// What a link belongs to and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its sync.
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
    /// Runs for this link alone.
    #[sea_orm(has_many = "super::sync_history::Entity")]
    Runs,
    /// Its conflicts, open and settled.
    #[sea_orm(has_many = "super::sync_conflict::Entity")]
    Conflicts,
    /// Its audit trail.
    #[sea_orm(has_many = "super::sync_change::Entity")]
    Changes,
    /// How long its items stood in which status.
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

/// The next links of a sync after `after`, in order of id, at most `limit`.
pub async fn briefs(
    db: &impl ConnectionTrait,
    sync_config_id: i64,
    after: i64,
    limit: u64,
) -> Result<Vec<LinkBrief>, DbErr> {
    // Each run of a sync asks this, often for a handful of links. SQLite prepares a statement anew at every use if its limit
    // is a bare parameter, which takes longer than the answer.
    let backend = db.get_database_backend();
    let marks = match backend {
        DbBackend::Postgres => ["$1", "$2", "$3"],
        _ => ["?", "?", "?"],
    };
    let [sync, first, limited] = marks;
    let sql = format!(
        "SELECT id, version, entity_id, external_id, source_hash, target_hash, sync_status, link_state, missing_side, \
         next_attempt_at, mapping_revision, intent_id FROM sync_metadata WHERE sync_config_id = {sync} AND id > {first} \
         ORDER BY id LIMIT {limited} + 0"
    );
    let values = [sync_config_id.into(), after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    LinkBrief::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(db).await
}
