//! Alerts: measurements that crossed a threshold, with start and end.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::types::AlertLevel;

/// An alert. At most one is open per rule and subject.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Null if it concerns the whole installation.
    pub project_id: Option<i64>,
    pub rule: String,
    /// The sync, platform, queue or worker it is about.
    pub subject: String,
    pub level: AlertLevel,
    /// The measurement, in the rule's unit.
    pub value: f64,
    /// The highest acceptable measurement, in the same unit.
    pub threshold: f64,
    /// The alert in one sentence.
    pub message: String,
    pub raised_at: DateTimeUtc,
    /// When the measurement was acceptable again; null while open.
    pub cleared_at: Option<DateTimeUtc>,
    /// When a person acknowledged it.
    pub acknowledged_at: Option<DateTimeUtc>,
    pub acknowledged_by: Option<String>,
    /// When its present state, raised or cleared, was delivered; null while delivery is due.
    pub delivered_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns every open alert, newest first.
pub async fn open(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::ClearedAt.is_null()).order_by_desc(Column::Id).all(db).await
}

/// Alerts to deliver, oldest first, at most `limit`.
pub async fn undelivered(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::DeliveredAt.is_null()).order_by_asc(Column::Id).limit(limit).all(db).await
}
