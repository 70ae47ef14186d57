//! Indexes open conflicts in order of id: they are few among the stored resolved ones, and listing them by age would
//! otherwise read the whole table.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(
            manager,
            &["CREATE INDEX ix_sync_conflicts_open ON sync_conflicts (id) WHERE resolved = false"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "ix_sync_conflicts_open").await
    }
}
