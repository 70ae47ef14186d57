//! Accounts: the credentials and addresses for reaching a platform.

use sea_orm::entity::prelude::*;

use crate::secret::Sealed;

/// An account on a platform. Its secret is a reference or is encrypted here, never both.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "accounts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: i64,
    /// The platform's name in the connectors.
    pub platform: String,
    /// Unique within the project; documents refer to accounts by it.
    pub name: String,
    /// Address of the platform, if it has more than one installation.
    pub base_url: Option<String>,
    /// Reference to the secret: `env:…`, `file:…`, `vault:…`.
    pub secret_ref: Option<String>,
    pub secret_enc: Option<Sealed>,
    pub key_id: Option<String>,
    /// The credential's permissions, as reported by the platform.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub scopes: Option<Json>,
    /// Read only by older replicas; `pauses` decides.
    pub paused_at: Option<DateTimeUtc>,
    /// State of the circuit breaker, shared by replicas.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub breaker: Option<Json>,
    /// False if its server has no rate limits, as a self-hosted edition may be configured: then only the number of
    /// concurrent requests is limited.
    pub keeps_limits: bool,
    /// Until then one process exchanges the refresh token of its secret; no other process may.
    pub refresh_until: Option<DateTimeUtc>,
}

/// A sync refers to two accounts, so that side is in [`super::sync_config::Relation`].
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
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

/// Returns the account with this name in a project.
pub async fn by_name(db: &impl ConnectionTrait, project_id: i64, name: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::ProjectId.eq(project_id)).filter(Column::Name.eq(name)).one(db).await
}
