//! Rate limits: how many calls to a platform are left, shared by all replicas.

use sea_orm::entity::prelude::*;

/// A token bucket. Times are microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "rate_buckets")]
pub struct Model {
    /// Whose calls: an account, for example.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Which of the platform's limits.
    #[sea_orm(primary_key, auto_increment = false)]
    pub dimension: String,
    /// The most it holds.
    pub capacity: f64,
    /// What flows in.
    pub refill_per_second: f64,
    /// What it held at `updated_at`.
    pub tokens: f64,
    /// When it was last looked at.
    pub updated_at: i64,
    /// Nothing is given before this, as the platform said.
    pub blocked_until: Option<i64>,
}

/// A bucket refers to its subject by name only.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
