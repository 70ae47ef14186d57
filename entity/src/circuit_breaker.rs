//! Circuit breakers: which platform accounts are left alone for a while since their calls fail.

use sea_orm::entity::prelude::*;

use crate::types::BreakerState;

/// A breaker, shared by all replicas. Times are microseconds since the Unix epoch by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "circuit_breakers")]
pub struct Model {
    /// Whose calls: an account, for example.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// Whether calls pass.
    pub state: BreakerState,
    /// Failures one after another.
    pub failures: i32,
    /// Since when it is open.
    pub opened_at: Option<i64>,
    /// Until when nothing passes.
    pub until: Option<i64>,
    /// Until when the probe that passes has time to answer.
    pub probe_until: Option<i64>,
    /// When it last changed.
    pub updated_at: i64,
}

/// A breaker refers to its subject by name only.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
