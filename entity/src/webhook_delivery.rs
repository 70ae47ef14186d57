//! Webhook deliveries: requests from platforms, stored unchanged.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder, QuerySelect};

use crate::types::DeliveryStatus;

/// A delivery. Repeated deliveries with the same id are stored once per account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The account that it is for.
    pub account_id: i64,
    /// The platform's id for it; a hash of the body, in hex, if the platform sends none.
    pub delivery_id: String,
    pub received_at: DateTimeUtc,
    /// The headers, without those that contain a secret.
    #[sea_orm(column_type = "JsonBinary")]
    pub headers: Json,
    /// The body, byte for byte, because the signature covers it.
    #[sea_orm(column_type = "Blob")]
    pub body: Vec<u8>,
    pub status: DeliveryStatus,
    /// The run that processes it (`sync_history.run_uid`, which retention may have removed).
    pub run_id: Option<Uuid>,
    /// Why it could not be parsed.
    pub error: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::AccountId",
        to = "super::account::Column::Id"
    )]
    Account,
    /// Missing once retention has removed the run.
    #[sea_orm(
        belongs_to = "super::sync_history::Entity",
        from = "Column::RunId",
        to = "super::sync_history::Column::RunUid",
        skip_fk
    )]
    Run,
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl Related<super::sync_history::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Run.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// Deliveries without a job yet, oldest first, at most `limit`.
pub async fn due(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        // Literally as in the partial index; a bound value would prevent its use.
        .filter(Expr::cust("status = 'received'"))
        .order_by_asc(Column::ReceivedAt)
        .limit(limit)
        .all(db)
        .await
}

/// Returns the latest delivery of an account; a watchdog checks by it that deliveries still arrive.
pub async fn latest(db: &impl ConnectionTrait, account_id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::AccountId.eq(account_id)).order_by_desc(Column::ReceivedAt).one(db).await
}
