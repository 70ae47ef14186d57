//! Runs: executions of syncs, and the outbox of the queue.

use sea_orm::entity::prelude::*;

use crate::types::{Priority, RunKind, RunStatus, SyncMethod};

/// A run. It is written when a job is accepted, with all its arguments, so that the queue can be refilled from it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_history")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The run's id everywhere else, and the id of its job.
    #[sea_orm(unique)]
    pub run_uid: Uuid,
    pub project_id: i64,
    pub sync_config_id: i64,
    /// Set for a run of one item.
    pub link_id: Option<i64>,
    /// The run that caused this one (a `run_uid`, which retention may have removed).
    pub parent_run_id: Option<Uuid>,
    /// Shared by all runs with one cause.
    pub correlation_id: Uuid,
    pub kind: RunKind,
    /// What triggered it.
    pub sync_type: SyncMethod,
    pub priority: Priority,
    /// The job's arguments.
    #[sea_orm(column_type = "JsonBinary")]
    pub args: Json,
    pub status: RunStatus,
    /// Raised by each worker that begins; a transaction with a lower fence must not write state.
    pub fence: i64,
    /// When it was handed to the queue; null until then.
    pub dispatched_at: Option<DateTimeUtc>,
    /// The schedule that started it.
    pub schedule_id: Option<i64>,
    /// The schedule's tick.
    pub tick_at: Option<DateTimeUtc>,
    /// Items in sync at the end.
    pub items_synced: i64,
    pub items_failed: i64,
    /// Items left alone.
    pub items_skipped: i64,
    pub created: i64,
    pub updated: i64,
    /// Items deleted, archived or closed.
    pub deleted: i64,
    pub conflicts: i64,
    /// Calls to platforms, including pages that items share.
    pub api_calls: i64,
    /// From start to end.
    pub duration_ms: Option<i64>,
    /// When it was accepted.
    pub queued_at: DateTimeUtc,
    /// When a worker first began.
    pub started_at: Option<DateTimeUtc>,
    /// Null until it has ended.
    pub completed_at: Option<DateTimeUtc>,
    /// True if it did its work; null until it has ended.
    pub success: Option<bool>,
    pub error_message: Option<String>,
    /// Details for people, and the plan of a dry run.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub sync_metadata: Option<Json>,
    /// True if `sync_stats` has processed it; a run that only planned is marked without being counted.
    pub rolled_up: bool,
    /// When it was given up; null if it was not.
    pub dead_at: Option<DateTimeUtc>,
    /// A short reason why it was given up.
    pub dead_reason: Option<String>,
    /// Must not begin before this time.
    pub not_before: Option<DateTimeUtc>,
    /// Set while the run waits for its first worker; an equal request joins it instead of adding a run.
    pub waiting_key: Option<String>,
    /// When its cancellation was requested while it ran.
    pub cancel_requested_at: Option<DateTimeUtc>,
    /// The kind of error that made it a dead letter.
    pub error_kind: Option<String>,
    /// The same for all dead letters of one cause; null until it is known.
    pub error_fingerprint: Option<String>,
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
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
    /// Set for a run of one item.
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
    #[sea_orm(has_many = "super::sync_attempt::Entity")]
    Attempts,
    /// The changes that it wrote.
    #[sea_orm(has_many = "super::sync_change::Entity")]
    Changes,
    /// The conflicts that it detected last.
    #[sea_orm(has_many = "super::sync_conflict::Entity")]
    Conflicts,
    /// The webhook deliveries that it processes.
    #[sea_orm(has_many = "super::webhook_delivery::Entity")]
    Deliveries,
    /// The approved plans of this run.
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

/// Returns the run with this id.
pub async fn by_run(db: &impl ConnectionTrait, run: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::RunUid.eq(run)).one(db).await
}
