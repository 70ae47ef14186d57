//! Webhook deliveries: what platforms sent, as it came.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{QueryOrder, QuerySelect};

use crate::types::DeliveryStatus;

/// A delivery. Of one account and delivery id there is one, however often it was sent.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The account it came for.
    pub account_id: i64,
    /// The platform's id of it; a hash of the body, in hex, where the platform sends none.
    pub delivery_id: String,
    /// When it came.
    pub received_at: DateTimeUtc,
    /// Its headers, without those that hold a secret.
    #[sea_orm(column_type = "JsonBinary")]
    pub headers: Json,
    /// Its body, byte for byte: the signature covers it.
    #[sea_orm(column_type = "Blob")]
    pub body: Vec<u8>,
    /// What became of it.
    pub status: DeliveryStatus,
    /// The run that carries it (`sync_history.run_uid`, which retention may have removed).
    pub run_id: Option<Uuid>,
    /// Why it could not be read.
    pub error: Option<String>,
}

/// What a delivery belongs to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// Its account.
    #[sea_orm(
        belongs_to = "super::account::Entity",
        from = "Column::AccountId",
        to = "super::account::Column::Id"
    )]
    Account,
    /// The run that carries it, while history has it.
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

/// Deliveries that a job is still to be made of, oldest first, at most `limit`.
pub async fn due(db: &impl ConnectionTrait, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        // Literally as in the partial index, which a bound value would hide.
        .filter(Expr::cust("status = 'received'"))
        .order_by_asc(Column::ReceivedAt)
        .limit(limit)
        .all(db)
        .await
}

/// The latest delivery of an account, from which a watchdog tells whether they still come.
pub async fn latest(db: &impl ConnectionTrait, account_id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::AccountId.eq(account_id)).order_by_desc(Column::ReceivedAt).one(db).await
}
