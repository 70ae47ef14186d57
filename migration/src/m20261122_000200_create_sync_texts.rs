//! Large values, once each: a link keeps both bases and a change both values, and a long description would stand in all
//! of them. What is larger than a link can carry is named there by its hash and lies here.
//!
//! The references stand inside JSON, so no foreign key can hold them. `used_at` does instead: whoever refers to a text
//! stores it again in the same transaction, and only what nobody stored for long may be swept.

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
