//! Runs: one execution of a sync each, and the outbox of the queue.

use sea_orm::entity::prelude::*;

use crate::types::{Priority, RunKind, RunStatus, SyncMethod};

/// A run. It is written when a job is accepted, with all its arguments, so that the queue can be filled again from here.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_history")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The run's id everywhere else, and its job's.
    #[sea_orm(unique)]
    pub run_uid: Uuid,
    /// The project it belongs to.
    pub project_id: i64,
    /// The sync.
    pub sync_config_id: i64,
    /// The link, for a run of one item.
    pub link_id: Option<i64>,
    /// The run that caused this one (a `run_uid`, which retention may have removed).
    pub parent_run_id: Option<Uuid>,
    /// Ties together what one cause set off.
    pub correlation_id: Uuid,
    /// What it does.
    pub kind: RunKind,
    /// What set it off.
    pub sync_type: SyncMethod,
    /// How urgent it is.
    pub priority: Priority,
    /// The job's arguments.
    #[sea_orm(column_type = "JsonBinary")]
    pub args: Json,
    /// Where it stands.
    pub status: RunStatus,
    /// Raised by each worker that begins; a transaction under a lower number must not write state.
    pub fence: i64,
    /// When the queue had it; null until then.
    pub dispatched_at: Option<DateTimeUtc>,
    /// The schedule that started it.
    pub schedule_id: Option<i64>,
    /// The tick it stands for.
    pub tick_at: Option<DateTimeUtc>,
    /// Items in step at the end.
    pub items_synced: i64,
    /// Items that failed.
    pub items_failed: i64,
    /// Items left alone.
    pub items_skipped: i64,
    /// Items created.
    pub created: i64,
    /// Items updated.
    pub updated: i64,
    /// Items deleted, archived or closed.
    pub deleted: i64,
    /// Conflicts met.
    pub conflicts: i64,
    /// Calls to platforms, shared pages included.
    pub api_calls: i64,
    /// From start to end.
    pub duration_ms: Option<i64>,
    /// When it was accepted.
    pub queued_at: DateTimeUtc,
    /// When a worker first began.
    pub started_at: Option<DateTimeUtc>,
    /// When it was over; null until then.
    pub completed_at: Option<DateTimeUtc>,
    /// Whether it did its work; null until it is over.
    pub success: Option<bool>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Details for people, and the plan of a dry run.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub sync_metadata: Option<Json>,
    /// Whether `sync_stats` has it; a run that only planned is noted as done without being counted.
    pub rolled_up: bool,
    /// Since when it is given up; null unless it is.
    pub dead_at: Option<DateTimeUtc>,
    /// In a few words, why it was given up.
    pub dead_reason: Option<String>,
    /// Before when it must not begin.
    pub not_before: Option<DateTimeUtc>,
    /// While it waits for its first worker: the same once more joins it.
    pub waiting_key: Option<String>,
    /// When somebody asked it to stop while it ran.
    pub cancel_requested_at: Option<DateTimeUtc>,
}

/// What a run belongs to and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its project.
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    /// Its sync.
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
    /// Its link, for a run of one item.
    #[sea_orm(
        belongs_to = "super::sync_metadata::Entity",
        from = "Column::LinkId",
        to = "super::sync_metadata::Column::Id"
    )]
    Link,
    /// The schedule that started it.
    #[sea_orm(
        belongs_to = "super::schedule::Entity",
        from = "Column::ScheduleId",
        to = "super::schedule::Column::Id"
    )]
    Schedule,
    /// Every time a worker took it up.
    #[sea_orm(has_many = "super::sync_attempt::Entity")]
    Attempts,
    /// What it wrote.
    #[sea_orm(has_many = "super::sync_change::Entity")]
    Changes,
    /// What it could not settle.
    #[sea_orm(has_many = "super::sync_conflict::Entity")]
    Conflicts,
    /// The deliveries it carries.
    #[sea_orm(has_many = "super::webhook_delivery::Entity")]
    Deliveries,
    /// The plans of it that were let pass.
    #[sea_orm(has_many = "super::approval::Entity")]
    Approvals,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl Related<super::sync_config::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncConfig.def()
    }
}

impl Related<super::sync_metadata::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Link.def()
    }
}

impl Related<super::schedule::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Schedule.def()
    }
}

impl Related<super::sync_attempt::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Attempts.def()
    }
}

impl Related<super::sync_change::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Changes.def()
    }
}

impl Related<super::sync_conflict::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Conflicts.def()
    }
}

impl Related<super::webhook_delivery::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Deliveries.def()
    }
}

impl Related<super::approval::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Approvals.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The run of that id.
pub async fn by_run(db: &impl ConnectionTrait, run: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::RunUid.eq(run)).one(db).await
}
