//! Maintenance: Syncline's own periodic tasks, and when each is due next.

use sea_orm::entity::prelude::*;

/// A task. A worker takes the tick by advancing `next_at` with compare-and-set.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "maintenance_tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub task: String,
    /// Seconds between ticks, as configured at the worker that took the last one.
    pub every_seconds: i64,
    pub next_at: DateTimeUtc,
    /// When the last tick was taken.
    pub last_at: Option<DateTimeUtc>,
    /// The result of the last tick, for people.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub last_result: Option<Json>,
    /// False: no ticks are taken.
    pub enabled: bool,
}

/// A task has no references.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
