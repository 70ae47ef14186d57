//! Marks a sync whose database was restored to an older state until a run has read both sides completely. Until then
//! its runs delete nothing without approval, and look for items that they may have created already.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = timestamp_with_time_zone_null("restored_at");
        manager.alter_table(Table::alter().table("sync_configs").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sync_configs").drop_column("restored_at").to_owned()).await
    }
}
