//! What a sync's document was at each revision.

use sea_orm::entity::prelude::*;

/// One revision of a sync.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_config_revisions")]
pub struct Model {
    /// The sync.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    /// The revision that this document was.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    /// The document.
    #[sea_orm(column_type = "JsonBinary")]
    pub config_json: Json,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: DateTimeUtc,
}

/// What a revision belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its sync.
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id"
    )]
    SyncConfig,
}

impl Related<super::sync_config::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncConfig.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
