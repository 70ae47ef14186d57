//! API tokens: who may call, and for what.

use sea_orm::entity::prelude::*;

/// A token, of which only the hash is kept.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Hash of the token, in hex.
    #[sea_orm(unique)]
    pub hash: String,
    /// What people call it.
    pub name: String,
    /// The only project it is good for; null for all of them.
    pub project_id: Option<i64>,
    /// What it may do: a list of `read`, `enqueue`, `admin`.
    #[sea_orm(column_type = "JsonBinary")]
    pub scopes: Json,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// From when on it is good for nothing; null for never.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<DateTimeUtc>,
    /// When it was taken back.
    pub revoked_at: Option<DateTimeUtc>,
}

/// What a token belongs to and what belongs to it.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// The project it is limited to.
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    /// The keys of its requests.
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

/// The token of that hash, unless it was taken back. Whether it has expired is for the caller's clock to say.
pub async fn by_hash(db: &impl ConnectionTrait, hash: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Hash.eq(hash)).filter(Column::RevokedAt.is_null()).one(db).await
}
