//! Cursors: how far each side of a sync was read.

use sea_orm::entity::prelude::*;

use crate::types::Side;

/// The cursor of one container (a project, a repository, a table) on one side; `""` for a side without containers.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_cursors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub sync_config_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub side: Side,
    #[sea_orm(primary_key, auto_increment = false)]
    pub container: String,
    /// The connector's own cursor.
    pub cursor: Option<String>,
    /// The latest modification time seen; the next read starts an overlap before it.
    pub high_water: Option<DateTimeUtc>,
    /// When a complete listing last ended.
    pub last_full_at: Option<DateTimeUtc>,
    /// The account that read the last complete listing, by the platform's own id of it.
    pub reader: Option<String>,
    /// The run that last moved it (`sync_history.run_uid`, which retention may have removed).
    pub run_id: Option<Uuid>,
    /// Where to resume a listing that a limit interrupted: JSON with `whole` and the connector's own `position`.
    pub listing: Option<String>,
    /// Short hashes of the ids that the interrupted listing had returned, 12 bytes each.
    pub listed_ids: Option<Vec<u8>>,
    /// Raised by every write, for compare-and-set.
    pub version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
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
