//! Stays: how long an item stood in which status.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::types::Side;

/// A stay in one status. Of each side of a link at most one is open.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "status_history")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The link.
    pub link_id: i64,
    /// The side whose item it was.
    pub side: Side,
    /// The status in the platform's own word.
    pub status: String,
    /// What the status map makes of it; null where it knows the word not.
    pub canonical: Option<String>,
    /// Since when.
    pub entered_at: DateTimeUtc,
    /// Until when; null while it lasts.
    pub left_at: Option<DateTimeUtc>,
}

/// What a stay belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its link.
    #[sea_orm(
        belongs_to = "super::sync_metadata::Entity",
        from = "Column::LinkId",
        to = "super::sync_metadata::Column::Id"
    )]
    Link,
}

impl Related<super::sync_metadata::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Link.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The stays of both sides of a link, in the order they were entered.
pub async fn of_link(db: &impl ConnectionTrait, link_id: i64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::LinkId.eq(link_id))
        .order_by_asc(Column::EnteredAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Where an item stands now.
pub async fn current(db: &impl ConnectionTrait, link_id: i64, side: Side) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::LinkId.eq(link_id))
        .filter(Column::Side.eq(side))
        .filter(Column::LeftAt.is_null())
        .one(db)
        .await
}
