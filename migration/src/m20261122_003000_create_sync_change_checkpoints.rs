//! Stores where a link's chain of changes begins after its oldest were purged: position and hash of the last purged
//! one. The first remaining change has that hash as its `prev_hash`, so that a purged chain is checked like any other,
//! and other removals are still detected.
//!
//! A row per link with purged changes, updated in the transaction that removes them.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_change_checkpoints")
            .col(big_integer("link_id").primary_key())
            .col(big_integer("seq"))
            .col(text("hash"))
            .col(big_integer("purged"))
            .col(timestamp_with_time_zone("at"))
            .foreign_key(&mut reference("sync_change_checkpoints", "link_id", "sync_metadata", "id"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_change_checkpoints").await
    }
}
