//! Adds an index of the links of a sync in their order. A run reads all of them page by page; without the index SQLite
//! sorts the sync's links for each page.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(manager, &["CREATE INDEX ix_sync_metadata_order ON sync_metadata (sync_config_id, id)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "ix_sync_metadata_order").await
    }
}
