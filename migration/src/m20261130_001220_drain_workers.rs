//! Adds the request that a worker drains: it claims no more jobs and ends when its present ones have ended. The worker
//! reads the request with each heartbeat.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean("draining").default(false).to_owned();
        manager.alter_table(Table::alter().table("workers").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("workers").drop_column("draining").to_owned()).await
    }
}
