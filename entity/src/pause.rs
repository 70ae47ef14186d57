//! Pauses: work that must not run until a person resumes it.

use sea_orm::entity::prelude::*;

use crate::types::PauseScope;

/// A pause, which applies to all replicas; at most one per subject. Only this table decides what is paused; the
/// `paused_at` columns of other tables are for older replicas.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pauses")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The kind of subject.
    pub scope: PauseScope,
    /// The name of a queue or platform, or the id of a sync or account.
    pub subject: String,
    /// The project of a sync or account; null for what all projects share.
    pub project_id: Option<i64>,
    /// As given by the person who paused it.
    pub reason: Option<String>,
    pub by: String,
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id"
    )]
    Project,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the pause of a subject, if any.
pub async fn of_subject(
    db: &impl ConnectionTrait,
    scope: PauseScope,
    subject: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Scope.eq(scope)).filter(Column::Subject.eq(subject)).one(db).await
}
