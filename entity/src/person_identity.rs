//! Identities of people: the id or name that an account, or a text in files and tables, uses for a person.

use sea_orm::entity::prelude::*;

use crate::types::MatchedBy;

/// One identity. Those with the same `person` are one person.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person_identities")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: i64,
    pub person: Uuid,
    /// Null for a text in files and tables.
    pub account_id: Option<i64>,
    /// The platform's id, or the text.
    pub remote_id: String,
    /// The name of the person in fields of the platform, if that is not the id.
    pub login: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    /// How it was assigned to its person.
    pub matched_by: MatchedBy,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::AccountId",
        to = "super::account::Column::Id"
    )]
    Account,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
