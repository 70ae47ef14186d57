//! Changes: the audit trail, and what a rollback reverses.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::types::{ChangeState, Side};

/// One field of one item changed on one side by one run. The hashes chain a link's changes in order of `seq`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_changes")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The link.
    pub link_id: i64,
    /// Place in the link's chain, from 1.
    pub seq: i64,
    /// The run that wrote it (`sync_history.run_uid`, which retention may have removed).
    pub run_id: Uuid,
    /// The side written to.
    pub side: Side,
    /// The field; null for the whole item, created or deleted.
    pub field: Option<String>,
    /// The value before.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub before: Option<Json>,
    /// The value after.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub after: Option<Json>,
    /// What decided it: the mapping's rule or the strategy.
    pub rule: String,
    /// The system that the value came from.
    pub origin_system: String,
    /// How sure we are that it arrived.
    pub state: ChangeState,
    /// The hash of the change before it; null for the first.
    pub prev_hash: Option<String>,
    /// Hash, in hex, of this change and `prev_hash`.
    pub hash: String,
    /// When.
    pub at: DateTimeUtc,
}

/// What a change belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its link.
    #[sea_orm(
        belongs_to = "super::sync_metadata::Entity",
        from = "Column::LinkId",
        to = "super::sync_metadata::Column::Id"
    )]
    Link,
    /// The run that wrote it, while history has it.
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

/// The last change of a link, from which the next one's `seq` and `prev_hash` follow.
pub async fn last_of_link(db: &impl ConnectionTrait, link_id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::LinkId.eq(link_id)).order_by_desc(Column::Seq).one(db).await
}

/// What a run wrote, in the order it was written.
pub async fn of_run(db: &impl ConnectionTrait, run: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::RunId.eq(run)).order_by_asc(Column::Id).all(db).await
}
