//! Idempotency keys: stored responses to requests that may be repeated.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};

/// A key of one caller and its response.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The caller's token; null for callers without one, who share one key space.
    pub token_id: Option<i64>,
    /// Method and path, and the key that the caller chose for it.
    pub key: String,
    /// Hash of the body, in hex: another request under the same key is refused.
    pub request_hash: String,
    /// Null while the request is being served.
    pub response_status: Option<i16>,
    /// The response headers that a repetition needs, such as a location or an ETag.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub response_headers: Option<Json>,
    /// The response body, byte for byte.
    #[sea_orm(column_type = "Blob", nullable)]
    pub response_body: Option<Vec<u8>>,
    /// When the request arrived.
    pub created_at: DateTimeUtc,
    /// When the row may be purged.
    pub expires_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::api_token::Entity",
        from = "Column::TokenId",
        to = "super::api_token::Column::Id"
    )]
    Token,
}

impl Related<super::api_token::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Token.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the stored row for a key of a caller.
pub async fn of_caller(
    db: &impl ConnectionTrait,
    token_id: Option<i64>,
    key: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        // The expression of the unique index; ids begin at 1.
        .filter(Expr::cust("coalesce(token_id, 0)").eq(token_id.unwrap_or(0)))
        .filter(Column::Key.eq(key))
        .one(db)
        .await
}
