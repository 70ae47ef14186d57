//! Rate limits: how many calls to a platform are left, shared by all replicas.

use sea_orm::entity::prelude::*;

/// A bucket. Times are microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_buckets")]
pub struct Model {
    /// Whose calls: an account, for example.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Which of the platform's limits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dimension: String,
    /// When it is full.
    pub full_at: f64,
    /// What the platform left in its present window.
    pub window_left: f64,
    /// When that window ends.
    pub window_ends: f64,
    /// The limit that the platform told; nought: none.
    pub told_limit: f64,
    /// Until when a waiting call keeps others back, by lane.
    #[sea_orm(column_type = "JsonBinary")]
    pub wanted: Json,
    /// Calls under way, where their number is limited: the numbers of their grants, and until when they may last.
    #[sea_orm(column_type = "JsonBinary")]
    pub slots: Json,
}

/// A bucket refers to its subject by name only.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
