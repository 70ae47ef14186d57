//! Changes: the audit trail, and what a rollback reverses.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::types::{ChangeState, Side};

/// A change by one run to one field of one item on one side. The hashes chain a link's changes in order of `seq`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_changes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub link_id: i64,
    /// Position in the link's chain, from 1.
    pub seq: i64,
    /// The run that wrote it (`sync_history.run_uid`, which retention may have removed).
    pub run_id: Uuid,
    /// The side written to.
    pub side: Side,
    /// Null for a whole item, created or deleted.
    pub field: Option<String>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub before: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub after: Option<Json>,
    /// The mapping's rule or the strategy that decided it.
    pub rule: String,
    /// The system that the value came from.
    pub origin_system: String,
    /// Whether the write is known to have arrived.
    pub state: ChangeState,
    /// The hash of the previous change; null for the first.
    pub prev_hash: Option<String>,
    /// Hash, in hex, of this change and `prev_hash`.
    pub hash: String,
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_metadata::Entity",
        from = "Column::LinkId",
        to = "super::sync_metadata::Column::Id"
    )]
    Link,
    /// Missing once retention has removed the run.
    #[sea_orm(
        belongs_to = "super::sync_history::Entity",
        from = "Column::RunId",
        to = "super::sync_history::Column::RunUid",
        skip_fk
    )]
    Run,
}

impl Related<super::sync_metadata::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Link.def()
    }
}

impl Related<super::sync_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Run.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Returns the last change of a link, which determines the next one's `seq` and `prev_hash`.
pub async fn last_of_link(db: &impl ConnectionTrait, link_id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::LinkId.eq(link_id)).order_by_desc(Column::Seq).one(db).await
}

/// Returns the changes of a run, in the order of writing.
pub async fn of_run(db: &impl ConnectionTrait, run: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::RunId.eq(run)).order_by_asc(Column::Id).all(db).await
}
