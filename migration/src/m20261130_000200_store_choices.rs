//! Stores a person's choice of the base or of a value of their own for a conflict: what was chosen, by whom, and a hash
//! of the two values that were shown. A chosen side stays in `resolution`, where older programs look for it.
//!
//! Expands: to a program that does not know the column, such a conflict is open and undecided, so it applies nothing.
//! The run that applies the choice has a payload version that leaves its job to newer workers. If an older program
//! detects the conflict with other values meanwhile, the hash no longer matches and the choice is ignored.
//!
//! `down` makes these conflicts undecided.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter().table("sync_conflicts").add_column(json_binary_null("choice")).to_owned();
        manager.alter_table(add).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("sync_conflicts").drop_column("choice").to_owned()).await
    }
}
