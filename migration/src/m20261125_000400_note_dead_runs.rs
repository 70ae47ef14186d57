//! Marks the runs that were given up, with the reason: the dead letters of runs are listed from here, independent of
//! the queue. Replaying a run clears the mark.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [timestamp_with_time_zone_null("dead_at"), text_null("dead_reason")] {
            manager.alter_table(Table::alter().table("sync_history").add_column(column).to_owned()).await?;
        }
        indexes(
            manager,
            &["CREATE INDEX ix_sync_history_dead ON sync_history (dead_at, id) WHERE dead_at IS NOT NULL"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "ix_sync_history_dead").await?;
        for column in ["dead_reason", "dead_at"] {
            manager.alter_table(Table::alter().table("sync_history").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
