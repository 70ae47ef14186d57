//! Stores which account last read a side completely: items that another account cannot see do not count as deleted.
//! Null where the place has no accounts, and before the first complete reading.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("reader");
        manager.alter_table(Table::alter().table("sync_cursors").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sync_cursors").drop_column("reader").to_owned()).await
    }
}
