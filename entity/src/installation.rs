//! The installation: where this database lives, and whether it was put back to an older state.

use sea_orm::entity::prelude::*;

/// The one row. Absent until the first process has started.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i16,
    /// Made up at the first start; copies and backups share it.
    pub installation_id: Uuid,
    /// The fingerprint of the place, as `name=value` parts.
    pub place: String,
    /// The first start.
    pub started_at: DateTimeUtc,
    /// The last start.
    pub last_seen_at: DateTimeUtc,
    /// When `syncline backup` made this copy; null in a database that is no such copy.
    pub backup_taken_at: Option<DateTimeUtc>,
    /// When it was last noticed, or said, that the database is older than it was.
    pub restored_at: Option<DateTimeUtc>,
    /// What was noticed.
    pub restored_from: Option<String>,
}

/// Nothing belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The one row.
pub async fn the(db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(1_i16).one(db).await
}
