//! The number of open conflicts, kept by triggers on `sync_conflicts`.

use sea_orm::entity::prelude::*;

/// A part of a sync's number of open conflicts. The number is the sum over all slots, as in
/// [`sync_link_counts`](super::sync_link_count).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_conflict_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    /// 0, or the process number of the PostgreSQL connection that counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i32,
    pub conflicts: i64,
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
