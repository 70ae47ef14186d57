//! Schedules: when a sync runs by itself.

use sea_orm::entity::prelude::*;

use crate::types::ScheduleKind;

/// A schedule. Each tick makes one run, held to one by `(schedule_id, tick_at)` in `sync_history`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The sync.
    pub sync_config_id: i64,
    /// Unique within the sync.
    pub name: String,
    /// How `expression` is read.
    pub kind: ScheduleKind,
    /// Seconds, or a cron expression.
    pub expression: String,
    /// IANA time zone that a cron expression means.
    pub timezone: String,
    /// What happens to ticks that passed unseen; `once` runs them as one.
    pub missed_policy: String,
    /// The next tick; null while there is none.
    pub next_tick_at: Option<DateTimeUtc>,
    /// The tick last turned into a run.
    pub last_tick_at: Option<DateTimeUtc>,
    /// Since when it is paused. Schedules are paused with their sync, by `pauses`; this column is what older replicas
    /// read.
    pub paused_at: Option<DateTimeUtc>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it was last edited.
    pub updated_at: DateTimeUtc,
    /// When its runs may begin, for example `mon-fri 06:00-22:00`, in `timezone`; null: at any time.
    pub run_window: Option<String>,
}

/// What a schedule belongs to and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its sync.
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
    /// The runs it started.
    #[sea_orm(has_many = "super::sync_history::Entity")]
    Runs,
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

impl ActiveModelBehavior for ActiveModel {}
