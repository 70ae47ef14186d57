//! Accounts: how to reach a platform, and as whom.

use sea_orm::entity::prelude::*;

use crate::secret::Sealed;

/// An account on a platform. Its secret is a reference or is encrypted here, never both.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The project it belongs to.
    pub project_id: i64,
    /// Platform name, as the connectors know it.
    pub platform: String,
    /// Unique within the project; documents name accounts by it.
    pub name: String,
    /// Address of the platform, where it has more than one.
    pub base_url: Option<String>,
    /// Where the secret is kept: `env:…`, `file:…`, `vault:…`.
    pub secret_ref: Option<String>,
    /// The secret, encrypted with the key `key_id`.
    pub secret_enc: Option<Sealed>,
    /// Which key `secret_enc` was encrypted with.
    pub key_id: Option<String>,
    /// What the credential was granted, as the platform reported it.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub scopes: Option<Json>,
    /// Since when its work is paused, for older replicas: `pauses` is what counts.
    pub paused_at: Option<DateTimeUtc>,
    /// State of the circuit breaker, shared by replicas.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub breaker: Option<Json>,
}

/// What an account belongs to and what belongs to it. A sync names two accounts, so that side is in [`super::sync_config::Relation`].
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its project.
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    /// What its platform sent.
    #[sea_orm(has_many = "super::webhook_delivery::Entity")]
    Deliveries,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl Related<super::webhook_delivery::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Deliveries.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// The account of that name in a project.
pub async fn by_name(db: &impl ConnectionTrait, project_id: i64, name: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::ProjectId.eq(project_id)).filter(Column::Name.eq(name)).one(db).await
}
