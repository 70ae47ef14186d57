//! Checkpoints: where a link's chain of changes begins after its oldest were purged.

use sea_orm::entity::prelude::*;

/// The last purged change of a link. Its hash is the `prev_hash` of the first remaining change.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_change_checkpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub link_id: i64,
    /// The position of the change in the link's chain.
    pub seq: i64,
    /// The hash of the change, in hex.
    pub hash: String,
    /// The total number of the link's purged changes.
    pub purged: i64,
    /// When the last of them was purged.
    pub at: DateTimeUtc,
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
