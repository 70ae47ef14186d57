//! Stores where to resume a listing of a side that a limit interrupted: the connector's own position, and short hashes
//! of the ids listed so far, without which the resumed listing would not count as complete. Null if the last listing
//! came to its end.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [text_null("listing"), blob_null("listed_ids")] {
            manager.alter_table(Table::alter().table("sync_cursors").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["listed_ids", "listing"] {
            manager.alter_table(Table::alter().table("sync_cursors").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
