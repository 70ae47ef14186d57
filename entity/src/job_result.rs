//! Results: the outcomes of jobs that have left the queue, for as long as their push requested.

use sea_orm::entity::prelude::*;

/// The outcome of a job. Times are the queue's: microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_results")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub queue: String,
    /// The name of its handler.
    pub kind: String,
    /// True if it was cancelled, false if it is done.
    pub cancelled: bool,
    /// The handler's return value.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub result: Option<Json>,
    /// The error of the last failed attempt.
    pub last_error: Option<String>,
    /// Attempts started.
    pub attempt: i32,
    /// When it left the queue.
    pub ended_at: i64,
    /// When the row may be purged.
    pub expires_at: i64,
}

/// A result has no references, because its job is gone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
