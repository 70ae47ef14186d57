//! Uniqueness windows: how long a pushed job blocks others with its unique key.

use sea_orm::entity::prelude::*;

/// A window, which outlives its job. The next push of the key replaces an expired one, or it is purged. Times are the
/// queue's: microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_unique_windows")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Unique within the queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub unique_key: String,
    /// The job that blocks the others.
    pub job_id: Uuid,
    /// When the window ends.
    pub until: i64,
}

/// A window refers to its job by id only, because the job may be gone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
