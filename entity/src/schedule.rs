//! Schedules: when a sync runs by itself.

use sea_orm::entity::prelude::*;

use crate::types::ScheduleKind;

/// A schedule. Each tick starts one run; `(schedule_id, tick_at)` in `sync_history` makes it unique.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedules")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub sync_config_id: i64,
    /// Unique within the sync.
    pub name: String,
    /// The syntax of `expression`.
    pub kind: ScheduleKind,
    /// Seconds, or a cron expression.
    pub expression: String,
    /// IANA time zone of a cron expression.
    pub timezone: String,
    /// How to handle ticks that passed while no worker ran; `once` makes up for them in one run.
    pub missed_policy: String,
    /// Null if there is none.
    pub next_tick_at: Option<DateTimeUtc>,
    /// The last tick that started a run.
    pub last_tick_at: Option<DateTimeUtc>,
    /// Set while the schedule itself is paused. It is also paused with its sync, by `pauses`.
    pub paused_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    /// When its runs may begin, for example `mon-fri 06:00-22:00`, in `timezone`; null: at any time.
    pub run_window: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
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
