//! The installation: where this database is located, and whether it was restored to an older state.

use sea_orm::entity::prelude::*;

/// The only row. Absent until the first process has started.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i16,
    /// Generated at the first start; copies and backups share it.
    pub installation_id: Uuid,
    /// The fingerprint of the location, as `name=value` parts.
    pub place: String,
    /// The first start.
    pub started_at: DateTimeUtc,
    /// The last start.
    pub last_seen_at: DateTimeUtc,
    /// When `syncline backup` made this copy; null in a database that is no such copy.
    pub backup_taken_at: Option<DateTimeUtc>,
    /// When a restore to an older state was last detected or reported.
    pub restored_at: Option<DateTimeUtc>,
    /// How it was detected.
    pub restored_from: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the only row.
pub async fn the(db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(1_i16).one(db).await
}
