//! Alerts: what crossed a threshold, from when to when.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

use crate::types::AlertLevel;

/// An alert. Of one rule and subject at most one is open.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The project whose business it is; null where it concerns the installation.
    pub project_id: Option<i64>,
    /// The rule that raised it.
    pub rule: String,
    /// What it is about: a sync, a platform, a queue, a worker.
    pub subject: String,
    /// How much it matters.
    pub level: AlertLevel,
    /// What was measured, in the rule's unit.
    pub value: f64,
    /// What may be measured at most, in the same unit.
    pub threshold: f64,
    /// The whole in a sentence.
    pub message: String,
    /// When the threshold was crossed.
    pub raised_at: DateTimeUtc,
    /// When all was well again; null while it is open.
    pub cleared_at: Option<DateTimeUtc>,
    /// When a person took note.
    pub acknowledged_at: Option<DateTimeUtc>,
    /// Who did.
    pub acknowledged_by: Option<String>,
    /// When it was told as it stands now, raised or cleared; null while that is due.
    pub delivered_at: Option<DateTimeUtc>,
}

/// What an alert belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its project.
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

/// Every open alert, newest first.
pub async fn open(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::ClearedAt.is_null()).order_by_desc(Column::Id).all(db).await
}

/// Alerts still to be told, oldest first, at most `limit`.
pub async fn undelivered(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::DeliveredAt.is_null()).order_by_asc(Column::Id).limit(limit).all(db).await
}
