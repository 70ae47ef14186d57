//! What the purge asks, batch after batch: which runs the open conflicts name, and which settled conflicts and which ended
//! stays in a status are old. Without these each batch would read a whole table.
//!
//! The first two hold open conflicts only, so they stay small. History and changes need nothing new: they are walked by
//! the indexes over their times, which they have from the beginning.

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
