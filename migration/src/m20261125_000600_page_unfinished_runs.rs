//! Indexes unfinished runs in order of id, in which the dispatcher pages through them. The old index over status and
//! time of dispatch gave no order and was written at each step of each run; this one only when a run is accepted and
//! when it ends.

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
                "CREATE INDEX ix_sync_history_open ON sync_history (id) WHERE completed_at IS NULL",
                "DROP INDEX ix_sync_history_unfinished",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(
            manager,
            &[
                "CREATE INDEX ix_sync_history_unfinished ON sync_history (status, dispatched_at) \
                 WHERE completed_at IS NULL",
                "DROP INDEX ix_sync_history_open",
            ],
        )
        .await
    }
}
