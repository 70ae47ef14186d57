//! Attempts: every time a worker took up a run.

use sea_orm::entity::prelude::*;

/// One attempt at a run.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_attempts")]
pub struct Model {
    /// The run (`sync_history.run_uid`).
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Which attempt, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub attempt: i32,
    /// Who made it.
    pub worker: String,
    /// When it began.
    pub started_at: DateTimeUtc,
    /// When it ended; null while it lasts, and for good where its worker died.
    pub ended_at: Option<DateTimeUtc>,
    /// How it ended: done, retry, snoozed, dead, cancelled, lost.
    pub outcome: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// What an attempt belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its run.
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
