//! Results: how jobs went that have left the queue, for as long as they were pushed to be kept.

use sea_orm::entity::prelude::*;

/// How a job went. Times are the queue's: microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_results")]
pub struct Model {
    /// The job's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The queue it was in.
    pub queue: String,
    /// Which handler it was for.
    pub kind: String,
    /// Whether it was cancelled; else it is done.
    pub cancelled: bool,
    /// What the handler answered.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub result: Option<Json>,
    /// Why the last attempt that failed did.
    pub last_error: Option<String>,
    /// Attempts begun.
    pub attempt: i32,
    /// When it left.
    pub ended_at: i64,
    /// From when on the row may go.
    pub expires_at: i64,
}

/// A result refers to nothing: its job has left.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
