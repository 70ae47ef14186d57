//! Adds whether everyone could read the sides of a sync when a run last asked. A sync that copies what only some may read to
//! where everyone may by now pauses itself. Null before the first such run, and where a place does not tell.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: [&str; 2] = ["source_public", "target_public"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            let column = boolean_null(name);
            manager.alter_table(Table::alter().table("sync_configs").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in COLUMNS {
            manager.alter_table(Table::alter().table("sync_configs").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
