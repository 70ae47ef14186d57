//! Adds where a listing of a side goes on that was broken off by a limit: its place's own position, and short hashes of
//! the ids that it listed so far, because only with these is a resumed listing a complete one. Null where the last one
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
