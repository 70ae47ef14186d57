//! How many calls to a platform are left, shared by all replicas: a token bucket per subject, such as an account, and
//! dimension, such as calls per hour. Times are microseconds since the Unix epoch by the database's clock.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("rate_buckets")
            .col(text("subject"))
            .col(text("dimension"))
            .col(double("capacity"))
            .col(double("refill_per_second"))
            .col(double("tokens"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("blocked_until"))
            .primary_key(Index::create().col("subject").col("dimension"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "rate_buckets").await
    }
}
