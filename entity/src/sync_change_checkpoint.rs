//! Checkpoints: where a link's chain of changes begins once its oldest were purged.

use sea_orm::entity::prelude::*;

/// The last change of a link that was purged. The first one that stays names its hash as the one before it.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_change_checkpoints")]
pub struct Model {
    /// The link.
    #[sea_orm(primary_key, auto_increment = false)]
    pub link_id: i64,
    /// Its place in the link's chain.
    pub seq: i64,
    /// Its hash, in hex.
    pub hash: String,
    /// How many of the link's changes were purged in all.
    pub purged: i64,
    /// When the last of them went.
    pub at: DateTimeUtc,
}

/// What a checkpoint belongs to.
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
