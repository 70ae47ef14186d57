//! Maintenance: what the workers do for Syncline's own sake, and when it is due next.

use sea_orm::entity::prelude::*;

/// A task. Whoever moves `next_at` on, by compare-and-set, has taken the tick.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "maintenance_tasks")]
pub struct Model {
    /// Its name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub task: String,
    /// From one tick to the next, as the worker had it that took the last one. Seconds.
    pub every_seconds: i64,
    /// Due from then on.
    pub next_at: DateTimeUtc,
    /// When the last tick was taken.
    pub last_at: Option<DateTimeUtc>,
    /// What came of it, for people.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub last_result: Option<Json>,
    /// Whether ticks are taken at all.
    pub enabled: bool,
}

/// A task belongs to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
