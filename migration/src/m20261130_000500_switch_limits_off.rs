//! Adds whether an account keeps the limits of its platform. Calls to a self-hosted server without limits need no
//! throttling. Existing accounts keep the limits.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean("keeps_limits").default(true).to_owned();
        manager.alter_table(Table::alter().table("accounts").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("accounts").drop_column("keeps_limits").to_owned()).await
    }
}
