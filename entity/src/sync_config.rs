//! Syncs: a configured pair of source and target.

use sea_orm::entity::prelude::*;

use crate::types::{Direction, ManagedBy};

/// A sync. `config_json` is the whole document; the columns are what queries filter and sort by.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_configs")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The project it belongs to.
    pub project_id: i64,
    /// Unique within the project among syncs that are not deleted.
    pub name: String,
    /// Platform of the source.
    pub source_platform: String,
    /// Platform of the target.
    pub target_platform: String,
    /// Account of the source; files and tables need none.
    pub source_account_id: Option<i64>,
    /// Account of the target; files and tables need none.
    pub target_account_id: Option<i64>,
    /// What kind of item is kept in step.
    pub entity_type: String,
    /// Which way values flow.
    pub direction: Direction,
    /// What settles a conflict, unless a field says otherwise.
    pub conflict_strategy: String,
    /// Whether schedules and events start runs.
    pub enabled: bool,
    /// Since when it is paused, for older replicas: `pauses` is what counts.
    pub paused_at: Option<DateTimeUtc>,
    /// Seconds between scheduled runs.
    pub sync_interval: Option<i32>,
    /// Cron or named schedule, instead of the interval.
    pub schedule: Option<String>,
    /// Items per batch.
    pub batch_size: i32,
    /// Whether slow polling goes on beside webhooks.
    pub batch_fallback_enabled: bool,
    /// Whether items that exist only on the target are created on the source.
    pub two_way_create: bool,
    /// Whether events of the platform are awaited.
    pub webhook_enabled: bool,
    /// Where the webhook's secret is kept.
    pub webhook_secret_ref: Option<String>,
    /// Retries of a job before it is dead.
    pub max_retries: i32,
    /// The document.
    #[sea_orm(column_type = "JsonBinary")]
    pub config_json: Json,
    /// Raised by every edit; compare-and-set, and the API's ETag.
    pub revision: i64,
    /// Who keeps the definition.
    pub managed_by: ManagedBy,
    /// When a run last ended.
    pub last_sync_at: Option<DateTimeUtc>,
    /// When a batch run last ended.
    pub last_batch_sync_at: Option<DateTimeUtc>,
    /// When it was deleted. Links and history stay until purged.
    pub deleted_at: Option<DateTimeUtc>,
    /// Since when it runs on a restored database and has not looked at both sides in full.
    pub restored_at: Option<DateTimeUtc>,
}

/// What a sync belongs to and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its project.
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    /// Account of the source.
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::SourceAccountId",
        to = "super::account::Column::Id"
    )]
    SourceAccount,
    /// Account of the target.
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::TargetAccountId",
        to = "super::account::Column::Id"
    )]
    TargetAccount,
    /// Its earlier definitions.
    #[sea_orm(has_many = "super::sync_config_revision::Entity")]
    Revisions,
    /// Its links.
    #[sea_orm(has_many = "super::sync_metadata::Entity")]
    Links,
    /// Its schedules.
    #[sea_orm(has_many = "super::schedule::Entity")]
    Schedules,
    /// How far each side was read.
    #[sea_orm(has_many = "super::sync_cursor::Entity")]
    Cursors,
    /// Its runs.
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

/// The sync of that name in a project, unless it was deleted.
pub async fn by_name(db: &impl ConnectionTrait, project_id: i64, name: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::ProjectId.eq(project_id))
        .filter(Column::Name.eq(name))
        .filter(Column::DeletedAt.is_null())
        .one(db)
        .await
}
