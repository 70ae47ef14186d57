//! Records with each applied migration which programs may run on its schema, so that replicas of two versions can run
//! side by side: a program looks up migrations that it does not know in the database.
//!
//! Every program that could run on the earlier migrations knows them, so each of those requires itself.

use sea_orm_migration::{prelude::*, schema::*};

use crate::MIGRATION_TABLE;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter().table(MIGRATION_TABLE).add_column(text_null("compatible_from")).to_owned();
        manager.alter_table(add).await?;
        let fill =
            Query::update().table(MIGRATION_TABLE).value("compatible_from", Expr::col("version")).to_owned();
        manager.execute(fill).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table(MIGRATION_TABLE).drop_column("compatible_from").to_owned())
            .await
    }
}
