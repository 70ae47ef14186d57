//! Projects: every query, room and token is scoped by one. Row 1 is `default`.

use sea_orm::entity::prelude::*;

/// The id of the project `default`, which the first migration creates.
pub const DEFAULT_PROJECT: i64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "projects")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Unique name in documents and addresses.
    #[sea_orm(unique)]
    pub key: String,
    /// Name for people.
    pub name: String,
    /// Raised with each change of the people of this project.
    pub people_revision: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(has_many = "super::account::Entity")]
    Accounts,
    #[sea_orm(has_many = "super::sync_config::Entity")]
    SyncConfigs,
    #[sea_orm(has_many = "super::sync_history::Entity")]
    Runs,
    #[sea_orm(has_many = "super::audit_log::Entity")]
    AuditLog,
    #[sea_orm(has_many = "super::api_token::Entity")]
    ApiTokens,
    #[sea_orm(has_many = "super::pause::Entity")]
    Pauses,
    #[sea_orm(has_many = "super::alert::Entity")]
    Alerts,
    #[sea_orm(has_many = "super::person_identity::Entity")]
    People,
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Accounts.def()
    }
}

impl Related<super::sync_config::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::SyncConfigs.def()
    }
}

impl Related<super::sync_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Runs.def()
    }
}

impl Related<super::audit_log::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::AuditLog.def()
    }
}

impl Related<super::api_token::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::ApiTokens.def()
    }
}

impl Related<super::pause::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Pauses.def()
    }
}

impl Related<super::alert::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Alerts.def()
    }
}

impl Related<super::person_identity::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::People.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the project with this key.
pub async fn by_key(db: &impl ConnectionTrait, key: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Key.eq(key)).one(db).await
}
