//! Windows of uniqueness: for how long a pushed job stands for others of its unique key.

use sea_orm::entity::prelude::*;

/// A window, which outlives its job. What is over is replaced by the next push of the key, or purged. Times are the
/// queue's: microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_unique_windows")]
pub struct Model {
    /// Which queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// The key, within the queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub unique_key: String,
    /// The job that stands for the others.
    pub job_id: Uuid,
    /// Until when it does.
    pub until: i64,
}

/// A window refers to its job by id only: the job may have left.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
