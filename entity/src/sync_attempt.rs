//! Attempts: one row for each time a worker started a run.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_attempts")]
pub struct Model {
    /// The run (`sync_history.run_uid`).
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Counts from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: i32,
    /// The worker's name.
    pub worker: String,
    pub started_at: DateTimeUtc,
    /// Null while the attempt lasts, and for good if its worker died.
    pub ended_at: Option<DateTimeUtc>,
    /// Its outcome: done, retry, snoozed, dead, cancelled, lost.
    pub outcome: Option<String>,
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_history::Entity",
        from = "Column::RunId",
        to = "super::sync_history::Column::RunUid"
    )]
    Run,
}

impl Related<super::sync_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Run.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
