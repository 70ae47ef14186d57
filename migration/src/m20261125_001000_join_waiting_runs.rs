//! Adds columns to runs for the queue's outbox: the waiting run that an equal request joins, and cancellation requests;
//! and an index of the runs that the queue has not received. They are here and not in the queue, so that an emptied
//! queue costs only time.
//!
//! `waiting_key` is set while a run waits for its first worker; a worker that begins clears it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [text_null("waiting_key"), timestamp_with_time_zone_null("cancel_requested_at")] {
            manager.alter_table(Table::alter().table("sync_history").add_column(column).to_owned()).await?;
        }
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_sync_history_waiting ON sync_history (waiting_key) \
                 WHERE waiting_key IS NOT NULL AND completed_at IS NULL",
                "CREATE INDEX ix_sync_history_undispatched ON sync_history (id) \
                 WHERE completed_at IS NULL AND dispatched_at IS NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "ix_sync_history_undispatched").await?;
        drop_index(manager, "uq_sync_history_waiting").await?;
        for column in ["cancel_requested_at", "waiting_key"] {
            manager.alter_table(Table::alter().table("sync_history").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
