//! Operations: changes of many subjects in the background, and previews of them.

use sea_orm::entity::prelude::*;

use crate::types::{OperationAction, OperationState};

/// An operation, or the preview of one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operations")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The id everywhere else, and the id of its job.
    #[sea_orm(unique)]
    pub operation_uid: Uuid,
    /// The only project that it concerns; null: all.
    pub project_id: Option<i64>,
    pub action: OperationAction,
    /// The filter of the subjects.
    #[sea_orm(column_type = "JsonBinary")]
    pub filter: Json,
    /// Later subjects are not included.
    pub cutoff: DateTimeUtc,
    pub state: OperationState,
    /// The given reason.
    pub reason: Option<String>,
    /// The number of subjects at the preview.
    pub total: i64,
    pub done: i64,
    /// Subjects that were skipped, because they had changed or could not be changed.
    pub skipped: i64,
    /// The position of the last changed subject, updated in the transaction of the changes.
    pub cursor: Option<String>,
    /// Starts it; null once used.
    pub token: Option<String>,
    /// The name of the requesting caller.
    pub actor: String,
    /// The id of the caller's API token.
    pub token_id: Option<i64>,
    pub created_at: DateTimeUtc,
    pub started_at: Option<DateTimeUtc>,
    pub completed_at: Option<DateTimeUtc>,
    pub cancel_requested_at: Option<DateTimeUtc>,
    /// Why it failed.
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::project::Entity",
        from = "Column::ProjectId",
        to = "super::project::Column::Id",
        on_delete = "Cascade"
    )]
    Project,
}

impl Related<super::project::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Project.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the operation with this id.
pub async fn by_uid(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::OperationUid.eq(id)).one(db).await
}
