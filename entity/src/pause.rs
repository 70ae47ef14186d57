//! Pauses: what must not run until a person says so.

use sea_orm::entity::prelude::*;

use crate::types::PauseScope;

/// A pause, which holds for all replicas. Of one subject there is at most one. What is paused is told by this table
/// alone; columns `paused_at` of other tables are left for older replicas.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pauses")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// What kind of thing is paused.
    pub scope: PauseScope,
    /// Which one: the name of a queue or platform, the id of a sync or account.
    pub subject: String,
    /// The project that a sync or account belongs to; null for what all projects share.
    pub project_id: Option<i64>,
    /// Why, in the words of whoever paused it.
    pub reason: Option<String>,
    /// Who paused it.
    pub by: String,
    /// When.
    pub at: DateTimeUtc,
}

/// What a pause belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its project.
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

/// The pause of a subject, if there is one.
pub async fn of_subject(
    db: &impl ConnectionTrait,
    scope: PauseScope,
    subject: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Scope.eq(scope)).filter(Column::Subject.eq(subject)).one(db).await
}
