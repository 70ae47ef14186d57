//! Stores platforms' requests before they are acknowledged, because a platform sends nothing again after a 2xx. Body
//! and headers stay unchanged: the signature covers these bytes, and a later version may have to parse a delivery
//! again.
//!
//! Platforms repeat deliveries, so the id (or a hash of the body, if the platform sends none) is unique per account. An
//! account with deliveries cannot be deleted, because accepted deliveries would be lost.
//!
//! `run_id` has no foreign key, because runs and deliveries are kept for different times.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let status = &["received", "queued", "ignored", "failed"];
        let mut delivery = Index::create();
        delivery.name("uq_webhook_deliveries_delivery").unique().col("account_id").col("delivery_id");
        let table = Table::create()
            .table("webhook_deliveries")
            .col(big_pk_auto("id"))
            .col(big_integer("account_id"))
            .col(text("delivery_id"))
            .col(timestamp_with_time_zone("received_at"))
            .col(json_binary("headers"))
            .col(blob("body"))
            .col(text("status").default("received").check(one_of("status", status)))
            .col(uuid_null("run_id"))
            .col(text_null("error"))
            .foreign_key(&mut reference("webhook_deliveries", "account_id", "accounts", "id"))
            .index(&mut delivery)
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE INDEX ix_webhook_deliveries_received ON webhook_deliveries (received_at)",
                "CREATE INDEX ix_webhook_deliveries_account ON webhook_deliveries (account_id, received_at)",
                "CREATE INDEX ix_webhook_deliveries_due ON webhook_deliveries (received_at) \
                 WHERE status = 'received'",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "webhook_deliveries").await
    }
}
