//! Open conflicts are few among the settled ones that are kept, and are listed by their age: an index of only them, in
//! order of id, spares the list a walk over everything that was ever settled.

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
