//! Large values, stored once under their hash.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

/// A value too large to store in a link or a change.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_texts")]
pub struct Model {
    /// Hash of `bytes`, in hex; JSON elsewhere refers to the value by it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    #[sea_orm(column_type = "Blob")]
    pub bytes: Vec<u8>,
    /// When it was first stored.
    pub created_at: DateTimeUtc,
    /// When it was last stored for a new reference. A sweep must keep values used since it began.
    pub used_at: DateTimeUtc,
}

/// References to texts are inside JSON, so there are no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Stores a value, or marks the existing one as used. Call it in the transaction that refers to it.
pub async fn keep(
    db: &impl ConnectionTrait,
    hash: String,
    bytes: Vec<u8>,
    now: DateTimeUtc,
) -> Result<(), DbErr> {
    let row = ActiveModel { hash: Set(hash), bytes: Set(bytes), created_at: Set(now), used_at: Set(now) };
    let again = OnConflict::column(Column::Hash).update_column(Column::UsedAt).to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(db).await.map(|_| ())
}
