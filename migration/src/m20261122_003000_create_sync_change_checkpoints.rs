//! Where a link's chain of changes begins once its oldest were purged: the place and the hash of the last one that went.
//! The first change that stays names that hash as the one before it, so that a purged chain is checked as an unpurged one
//! is, and a change that was removed by anybody else still shows.
//!
//! A row per link whose changes were ever purged, moved forward in the transaction that removes them.

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
