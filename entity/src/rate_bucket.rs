//! Rate limits: the calls left for a platform, shared by all replicas.

use sea_orm::entity::prelude::*;

/// A bucket. Times are microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_buckets")]
pub struct Model {
    /// The account, for example, whose calls are counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The name of one of the platform's limits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dimension: String,
    /// When it is full again.
    pub full_at: f64,
    /// The amount left in the platform's present window.
    pub window_left: f64,
    pub window_ends: f64,
    /// The limit that the platform reported; 0 if none.
    pub told_limit: f64,
    /// The time until which a waiting call blocks lower lanes, by lane.
    #[sea_orm(column_type = "JsonBinary")]
    pub wanted: Json,
    /// Concurrent calls, if limited: the numbers of their grants and their deadlines.
    #[sea_orm(column_type = "JsonBinary")]
    pub slots: Json,
}

/// A bucket refers to its subject by name only.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
