//! Adds indexes for lists: the runs of a project, runs that did not end well, plans and resolutions among all the others,
//! and the changes of a run in their order.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// One for each status: SQLite uses a partial index only where the statement repeats its condition.
const RUNS: [(&str, &str); 5] = [
    ("ix_sync_history_project", "(project_id, id)"),
    ("ix_sync_history_failed", "(id) WHERE status = 'failed'"),
    ("ix_sync_history_cancelled", "(id) WHERE status = 'cancelled'"),
    ("ix_sync_history_held", "(id) WHERE status = 'held'"),
    ("ix_sync_history_kind", "(kind, id) WHERE kind <> 'sync'"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, of) in RUNS {
            indexes(manager, &[&format!("CREATE INDEX {name} ON sync_history {of}")]).await?;
        }
        let changes = [
            "CREATE INDEX ix_sync_changes_of_run ON sync_changes (run_id, id)",
            "DROP INDEX ix_sync_changes_run",
        ];
        indexes(manager, &changes).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let changes = [
            "CREATE INDEX ix_sync_changes_run ON sync_changes (run_id)",
            "DROP INDEX ix_sync_changes_of_run",
        ];
        indexes(manager, &changes).await?;
        for (name, _) in RUNS {
            drop_index(manager, name).await?;
        }
        Ok(())
    }
}
