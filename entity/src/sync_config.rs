//! Syncs: a configured pair of source and target.

use sea_orm::entity::prelude::*;

use crate::types::{Direction, ManagedBy};

/// A sync. `config_json` is the whole document; the columns serve filters and sorting.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_configs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: i64,
    /// Unique within the project among syncs that are not deleted.
    pub name: String,
    pub source_platform: String,
    pub target_platform: String,
    /// Null for files and tables, which need no account.
    pub source_account_id: Option<i64>,
    /// Null for files and tables, which need no account.
    pub target_account_id: Option<i64>,
    /// The kind of the synced items.
    pub entity_type: String,
    pub direction: Direction,
    /// How conflicts are resolved, unless a field has its own strategy.
    pub conflict_strategy: String,
    /// True if schedules and events start runs.
    pub enabled: bool,
    /// Read only by older replicas; `pauses` decides.
    pub paused_at: Option<DateTimeUtc>,
    /// Seconds between scheduled runs.
    pub sync_interval: Option<i32>,
    /// Cron or named schedule, instead of the interval.
    pub schedule: Option<String>,
    /// Items per batch.
    pub batch_size: i32,
    /// True if slow polling continues beside webhooks.
    pub batch_fallback_enabled: bool,
    /// True if items found only on the target are created on the source.
    pub two_way_create: bool,
    /// True if the platform is expected to send events.
    pub webhook_enabled: bool,
    /// Reference to the webhook's secret.
    pub webhook_secret_ref: Option<String>,
    /// Retries of a job before it is dead.
    pub max_retries: i32,
    /// The whole document.
    #[sea_orm(column_type = "JsonBinary")]
    pub config_json: Json,
    /// Raised by every edit; used for compare-and-set and as the API's ETag.
    pub revision: i64,
    /// Where the definition is maintained.
    pub managed_by: ManagedBy,
    /// When a run last ended.
    pub last_sync_at: Option<DateTimeUtc>,
    /// When a batch run last ended.
    pub last_batch_sync_at: Option<DateTimeUtc>,
    /// When it was deleted. Links and history stay until purged.
    pub deleted_at: Option<DateTimeUtc>,
    /// When the database was restored; set until a run has read both sides completely.
    pub restored_at: Option<DateTimeUtc>,
    /// Whether everyone could read the source when a run last asked; null if none asked, or if the place does not tell.
    pub source_public: Option<bool>,
    /// The same of the target.
    pub target_public: Option<bool>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::SourceAccountId",
        to = "super::account::Column::Id"
    )]
    SourceAccount,
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::TargetAccountId",
        to = "super::account::Column::Id"
    )]
    TargetAccount,
    #[sea_orm(has_many = "super::sync_config_revision::Entity")]
    Revisions,
    #[sea_orm(has_many = "super::sync_metadata::Entity")]
    Links,
    #[sea_orm(has_many = "super::schedule::Entity")]
    Schedules,
    #[sea_orm(has_many = "super::sync_cursor::Entity")]
    Cursors,
    #[sea_orm(has_many = "super::sync_history::Entity")]
    Runs,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl Related<super::sync_config_revision::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Revisions.def()
    }
}

impl Related<super::sync_metadata::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Links.def()
    }
}

impl Related<super::schedule::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Schedules.def()
    }
}

impl Related<super::sync_cursor::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Cursors.def()
    }
}

impl Related<super::sync_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Runs.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the sync with this name in a project, unless it was deleted.
pub async fn by_name(db: &impl ConnectionTrait, project_id: i64, name: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::ProjectId.eq(project_id))
        .filter(Column::Name.eq(name))
        .filter(Column::DeletedAt.is_null())
        .one(db)
        .await
}
