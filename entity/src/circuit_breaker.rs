//! Circuit breakers: platform accounts that get no calls for a while because their calls fail.

use sea_orm::entity::prelude::*;

/// A breaker, shared by all replicas. Times are microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "circuit_breakers")]
pub struct Model {
    /// The account, for example, whose calls are counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Consecutive failures.
    pub failures: i32,
    /// Time of the last failure.
    pub failed_at: f64,
    /// How often it has opened in total.
    pub epoch: i64,
    /// How often it has opened since it was last closed.
    pub streak: i32,
    /// The time until which no call passes; 0 if closed; if past, a few trial calls pass.
    pub open_until: f64,
    /// Successful trial calls since it was last open.
    pub successes: i32,
    /// The message of the last failure.
    pub last_error: String,
    /// No call before this time, as requested by the platform.
    pub blocked_until: f64,
    /// The number of the last grant.
    pub serial: i64,
    /// Trial calls in progress: their numbers and their deadlines.
    #[sea_orm(column_type = "JsonBinary")]
    pub probes: Json,
}

/// A breaker refers to its subject by name only.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
