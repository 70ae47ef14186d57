//! Adds when a schedule's runs may begin, for example on weekdays in the daytime; null means at any time.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("run_window");
        manager.alter_table(Table::alter().table("schedules").add_column(column).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("schedules").drop_column("run_window").to_owned()).await
    }
}
