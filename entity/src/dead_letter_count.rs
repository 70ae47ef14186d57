//! The number of dead letters of each cause, kept by triggers on `sync_history`.

use sea_orm::entity::prelude::*;

/// A part of the number of a sync's dead letters with one fingerprint. The number is the sum over all slots, as in
/// [`sync_link_counts`](super::sync_link_count).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letter_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    /// Empty for letters that have none yet.
    #[sea_orm(primary_key, auto_increment = false)]
    pub fingerprint: String,
    /// 0, or the process number of the PostgreSQL connection that counted.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i32,
    pub letters: i64,
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
