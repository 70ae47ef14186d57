//! The audit log: actions of people and of maintenance.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

/// An action of a person or of maintenance. What a sync did to an item is a row of `sync_changes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Null for the whole installation, and once the project is deleted.
    pub project_id: Option<i64>,
    pub at: DateTimeUtc,
    /// A person, a token by name, or a part of Syncline.
    pub actor: String,
    /// For example `conflict.resolve` or `history.purge`.
    pub action: String,
    /// For example `conflict`, `sync`, `schema`.
    pub subject_kind: String,
    /// Null if there is only one of the kind.
    pub subject_id: Option<String>,
    /// `from`, `before` and `after`; never a secret, nor the value of a field.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub details: Option<Json>,
    /// The id of the request, as in log lines.
    pub request_id: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Null once the project is deleted.
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

/// Returns the latest entries about a subject, newest first, at most `limit`.
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
