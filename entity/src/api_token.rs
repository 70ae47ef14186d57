//! API tokens: credentials for API calls and their permissions.

use sea_orm::entity::prelude::*;

/// A token; only its hash is stored.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Hash of the token, in hex.
    #[sea_orm(unique)]
    pub hash: String,
    /// The name for people.
    pub name: String,
    /// The only project it is valid for; null for all.
    pub project_id: Option<i64>,
    /// Its permissions: a list of `read`, `data:read`, `enqueue`, `operate`, `admin`.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Json,
    pub created_at: DateTimeUtc,
    /// Null if it never expires.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<DateTimeUtc>,
    pub revoked_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    #[sea_orm(has_many = "super::idempotency_key::Entity")]
    IdempotencyKeys,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl Related<super::idempotency_key::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::IdempotencyKeys.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the token with this hash, unless revoked. The caller checks expiry by its own clock.
pub async fn by_hash(db: &impl ConnectionTrait, hash: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Hash.eq(hash)).filter(Column::RevokedAt.is_null()).one(db).await
}
