//! Stores which platform accounts get no calls for a while, because their calls fail or the platform asked for it,
//! shared by all replicas. Times are microseconds since the Unix epoch by the database's clock, stored as doubles as in
//! the buckets.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("circuit_breakers")
            .col(text("subject").primary_key())
            .col(integer("failures"))
            .col(double("failed_at"))
            .col(big_integer("epoch"))
            .col(integer("streak"))
            .col(double("open_until"))
            .col(integer("successes"))
            .col(text("last_error"))
            .col(double("blocked_until"))
            .col(big_integer("serial"))
            .col(json_binary("probes"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "circuit_breakers").await
    }
}
