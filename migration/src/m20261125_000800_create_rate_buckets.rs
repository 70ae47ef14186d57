//! Stores the calls left for a platform, shared by all replicas: a bucket per subject, such as an account, and
//! dimension, such as calls per hour. Times are microseconds since the Unix epoch by the database's clock, stored as
//! doubles like the amounts, because both are used in the same calculations.

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
            .col(double("full_at"))
            .col(double("window_left"))
            .col(double("window_ends"))
            .col(double("told_limit"))
            .col(json_binary("wanted"))
            .col(json_binary("slots"))
            .primary_key(Index::create().col("subject").col("dimension"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "rate_buckets").await
    }
}
