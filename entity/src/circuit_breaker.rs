//! Circuit breakers: which platform accounts are left alone for a while since their calls fail.

use sea_orm::entity::prelude::*;

/// A breaker, shared by all replicas. Times are microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "circuit_breakers")]
pub struct Model {
    /// Whose calls: an account, for example.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Failures one after another.
    pub failures: i32,
    /// When the last of them was.
    pub failed_at: f64,
    /// How often it opened, ever.
    pub epoch: i64,
    /// How often it opened since it was last closed.
    pub streak: i32,
    /// Until when nothing passes; nought when it is closed, past when a few calls may try.
    pub open_until: f64,
    /// Tries that succeeded since it was last open.
    pub successes: i32,
    /// What the last failure said.
    pub last_error: String,
    /// No call before this, as the platform said.
    pub blocked_until: f64,
    /// The last number given to a grant.
    pub serial: i64,
    /// Tries under way: their numbers, and until when they have time to answer.
    #[sea_orm(column_type = "JsonBinary")]
    pub probes: Json,
}

/// A breaker refers to its subject by name only.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
