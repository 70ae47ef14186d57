//! Marks the runs that the statistics include. Replicas from before the statistics do not count the runs they end, and
//! existing runs were not counted either: this column is false for both, and they are added later, each once.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::indexes;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column =
            Table::alter().table("sync_history").add_column(boolean("rolled_up").default(false)).to_owned();
        manager.alter_table(column).await?;
        indexes(
            manager,
            &["CREATE INDEX ix_sync_history_not_rolled_up ON sync_history (sync_config_id, completed_at) \
               WHERE rolled_up = false AND completed_at IS NOT NULL"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(manager, &["DROP INDEX ix_sync_history_not_rolled_up"]).await?;
        manager.alter_table(Table::alter().table("sync_history").drop_column("rolled_up").to_owned()).await
    }
}
