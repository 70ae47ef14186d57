//! Which runs the statistics have. A replica from before the statistics ends its runs without a word to them, and so did
//! every run that is here already: they are found by this column's false, and added later, each once.

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
