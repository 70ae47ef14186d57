//! Stays: how long an item was in each status.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::types::Side;

/// A stay in one status. At most one is open per side of a link.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "status_history")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub link_id: i64,
    /// The side of the item.
    pub side: Side,
    /// As the platform names it.
    pub status: String,
    /// The status map's name for it; null if the map lacks the status.
    pub canonical: Option<String>,
    pub entered_at: DateTimeUtc,
    /// Null while the stay lasts.
    pub left_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
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

/// Returns the stays of both sides of a link, in the order they were entered.
pub async fn of_link(db: &impl ConnectionTrait, link_id: i64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::LinkId.eq(link_id))
        .order_by_asc(Column::EnteredAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Returns the item's present status.
pub async fn current(db: &impl ConnectionTrait, link_id: i64, side: Side) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::LinkId.eq(link_id))
        .filter(Column::Side.eq(side))
        .filter(Column::LeftAt.is_null())
        .one(db)
        .await
}
