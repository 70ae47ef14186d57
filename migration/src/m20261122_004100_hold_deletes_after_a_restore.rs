//! Since when a sync runs on a database that was put back to an older state, without having looked at both of its sides in
//! full since. Until it has, its runs delete nothing unasked, and look for what they may have created already.

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
