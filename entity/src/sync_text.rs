//! Large values, once each, under their hash.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

/// A value too large to stand in a link or a change.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_texts")]
pub struct Model {
    /// Hash of `bytes`, in hex; how JSON elsewhere refers to them.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: String,
    /// The value.
    #[sea_orm(column_type = "Blob")]
    pub bytes: Vec<u8>,
    /// When it was first stored.
    pub created_at: DateTimeUtc,
    /// When it was last stored, by whoever last referred to it anew. What is younger than a sweep must stay.
    pub used_at: DateTimeUtc,
}

/// Texts are named inside JSON, so no relation reaches them.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Stores a value, or marks the one that is there as used. To be called in the transaction that refers to it.
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
