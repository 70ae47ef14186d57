//! Conflicts: where the two sides of a link disagree. This table is authoritative; `sync_metadata.conflicts` is its
//! summary.

use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use serde_json::json;

use crate::sync_metadata;
use crate::types::Side;

/// A conflict. At most one is open per link and field.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_conflicts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub link_id: i64,
    /// The run that last detected it (`sync_history.run_uid`, which retention may have removed).
    pub run_id: Uuid,
    /// Null for the item as a whole.
    pub field: Option<String>,
    /// As the engine names it.
    pub conflict_type: String,
    /// The last value that both sides agreed on.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub base_data: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub source_data: Option<Json>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub target_data: Option<Json>,
    pub source_modified: Option<DateTimeUtc>,
    pub target_modified: Option<DateTimeUtc>,
    /// The strategy that resolved it or left it to a person.
    pub resolution_strategy: Option<String>,
    /// The chosen side.
    pub resolution: Option<Side>,
    /// A person's choice of the base or of another value, with a hash of the values that were shown.
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub choice: Option<Json>,
    pub resolved: bool,
    pub resolved_at: Option<DateTimeUtc>,
    pub resolved_by: Option<String>,
    /// The run that applies the choice (a `run_uid`).
    pub resolve_run_id: Option<Uuid>,
    /// How often runs detected it.
    pub occurrences: i32,
    /// When it was left to a person because it recurred too often.
    pub escalated_at: Option<DateTimeUtc>,
    /// When it was first detected.
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::sync_metadata::Entity",
        from = "Column::LinkId",
        to = "super::sync_metadata::Column::Id"
    )]
    Link,
    /// The run that last detected it; missing once retention has removed the run.
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

/// Returns the open conflicts of a link, oldest first.
pub async fn open_of_link(db: &impl ConnectionTrait, link_id: i64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::LinkId.eq(link_id))
        .filter(Column::Resolved.eq(false))
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Returns the open conflict of a link and field; without a field, the one about the item as a whole.
pub async fn open_of_field(
    db: &impl ConnectionTrait,
    link_id: i64,
    field: Option<&str>,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::LinkId.eq(link_id))
        // Literally as in the partial index; a bound value would prevent its use.
        .filter(Expr::cust("coalesce(field, '')").eq(field.unwrap_or_default()))
        .filter(Expr::cust("resolved = false"))
        .one(db)
        .await
}

/// Copies a link's open conflicts to its row; call it in the transaction that changed them.
pub async fn summarise(db: &impl ConnectionTrait, link_id: i64) -> Result<(), DbErr> {
    let open = open_of_link(db, link_id).await?;
    let summary: Vec<Json> = open
        .into_iter()
        .map(|row| {
            json!({
                "id": row.id,
                "field": row.field,
                "kind": row.conflict_type,
                "base": row.base_data,
                "local": row.source_data,
                "remote": row.target_data,
            })
        })
        .collect();
    let summary = (!summary.is_empty()).then_some(Json::Array(summary));
    sync_metadata::Entity::update_many()
        .col_expr(sync_metadata::Column::Conflicts, Expr::value(summary))
        .filter(sync_metadata::Column::Id.eq(link_id))
        .exec(db)
        .await
        .map(|_| ())
}
