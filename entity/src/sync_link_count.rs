//! The number of links by status, without ended ones, kept by triggers on `sync_metadata`.

use sea_orm::entity::prelude::*;

use crate::types::SyncStatus;

/// A part of a sync's number of links of one kind and status. The number is the sum over all slots: on PostgreSQL each
/// connection counts in its own slot, so that none waits for another, and a single slot may be negative.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_link_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    /// The kind of items.
    #[sea_orm(primary_key, auto_increment = false)]
    pub entity_type: String,
    /// The result of the links' last sync.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_status: SyncStatus,
    /// 0, or the process number of the PostgreSQL connection that counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i32,
    pub links: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_config::Entity",
        from = "Column::SyncConfigId",
        to = "super::sync_config::Column::Id",
        on_delete = "Cascade"
    )]
    SyncConfig,
}

impl Related<super::sync_config::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncConfig.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
