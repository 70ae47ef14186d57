//! Approvals: plans that a person approved after the guard had held their run.

use sea_orm::entity::prelude::*;

/// An approval of one plan of one held run.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
pub struct Model {
    /// The held run (`sync_history.run_uid`).
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// Hash, in hex, of the plan that was shown. Another plan needs another approval.
    #[sea_orm(primary_key, auto_increment = false)]
    pub plan_hash: String,
    pub by: String,
    pub at: DateTimeUtc,
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
