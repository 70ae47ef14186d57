//! How many links of each status there are, ended ones aside, kept by triggers on `sync_metadata`.

use sea_orm::entity::prelude::*;

use crate::types::SyncStatus;

/// A part of the number of links that a sync has of a kind and status. The number is the sum over all slots: on
/// PostgreSQL each connection counts in a slot of its own, so that none waits for another, and a single slot may well be
/// below zero.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_link_counts")]
pub struct Model {
    /// The sync.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    /// What kind of item.
    #[sea_orm(primary_key, auto_increment = false)]
    pub entity_type: String,
    /// How the links' last sync ended.
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_status: SyncStatus,
    /// Who counted: 0, or the process number of a PostgreSQL connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i32,
    /// So many.
    pub links: i64,
}

/// What counts belong to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The sync.
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
