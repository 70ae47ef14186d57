//! The audit log: who did what.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

/// An act of a person or of maintenance. What a sync did to an item is a row of `sync_changes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The project it concerned; null for the whole installation, and once the project is gone.
    pub project_id: Option<i64>,
    /// When.
    pub at: DateTimeUtc,
    /// Who: a person, a token by name, or a part of Syncline.
    pub actor: String,
    /// What was done, as `conflict.resolve` or `history.purge`.
    pub action: String,
    /// To what kind of thing: `conflict`, `sync`, `schema`.
    pub subject_kind: String,
    /// To which one; null where there is only one.
    pub subject_id: Option<String>,
    /// What else is worth knowing; never a secret.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub details: Option<Json>,
    /// The request that asked for it, as the log lines name it.
    pub request_id: Option<String>,
}

/// What an entry belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its project, while that is there.
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

/// The latest entries about a subject, newest first, at most `limit`.
pub async fn of_subject(
    db: &impl ConnectionTrait,
    kind: &str,
    id: &str,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::SubjectKind.eq(kind))
        .filter(Column::SubjectId.eq(id))
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(db)
        .await
}
