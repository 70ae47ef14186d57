//! Adds indexes for the purge: the runs of open conflicts, old resolved conflicts, and old ended stays. Without them
//! each batch would read a whole table.
//!
//! The first two contain open conflicts only, so they stay small. History and changes need no new index: the purge uses
//! the existing ones over their times.

use sea_orm_migration::prelude::*;

use crate::columns::indexes;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(
            manager,
            &[
                "CREATE INDEX ix_sync_conflicts_open_run ON sync_conflicts (run_id) WHERE resolved = false",
                "CREATE INDEX ix_sync_conflicts_open_resolve_run ON sync_conflicts (resolve_run_id) \
                 WHERE resolved = false AND resolve_run_id IS NOT NULL",
                "CREATE INDEX ix_sync_conflicts_resolved_at ON sync_conflicts (resolved_at) WHERE resolved = true",
                "CREATE INDEX ix_status_history_left ON status_history (left_at) WHERE left_at IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(
            manager,
            &[
                "DROP INDEX ix_status_history_left",
                "DROP INDEX ix_sync_conflicts_resolved_at",
                "DROP INDEX ix_sync_conflicts_open_resolve_run",
                "DROP INDEX ix_sync_conflicts_open_run",
            ],
        )
        .await
    }
}
