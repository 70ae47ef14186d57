//! Stores large values once: a link has both bases and a change both values, and a long description would be repeated
//! in all of them. A value too large for a link is stored here, and the link refers to it by its hash.
//!
//! The references are inside JSON, so foreign keys cannot protect them. `used_at` does instead: a transaction that
//! refers to a text stores it again, and only texts that were not stored for a long time may be swept.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_texts")
            .col(text("hash").primary_key())
            .col(blob("bytes"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("used_at"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_texts").await
    }
}
