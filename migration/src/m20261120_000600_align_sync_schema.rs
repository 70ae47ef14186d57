//! Adds what an older installation kept in a table of its own, `sync_states`, to `sync_metadata`, and folds that table in:
//! from here on one row holds the state of a pair.
//!
//! No row is lost. A state whose `(entity_type, entity_id)` has a link already meets it: the newer success stays in the
//! columns and the other is kept in `legacy`. Every other state becomes a link of a disabled sync named `legacy`, for a
//! person to move. The old table itself is only renamed, to `sync_states_folded`: its rows, types and indexes were made by
//! someone else's migrations, and `down` has to put back exactly them. Fresh installations never see either name.

mod fold;
mod groups;
mod links;
mod older;
mod times;
mod unfold;

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The older installation's table.
const OLDER: &str = "sync_states";

/// Its name once its rows are folded in.
const FOLDED: &str = "sync_states_folded";

/// The platform named by the sync that holds states without one. No connector has it, so it also marks the sync as ours.
const LEGACY: &str = "legacy";

/// Rows per statement, well within the parameters that either database takes.
const BATCH: usize = 500;

/// How a link came to its `legacy` column, and so what `down` does about it.
const ADDED: &str = "added";
const REPLACED: &str = "replaced";
const KEPT: &str = "kept";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            text_null("resolution_strategy"),
            big_integer_null("sync_duration_ms"),
            integer("api_calls_count").default(0).take(),
            json_binary_null("conflicts"),
        ];
        // One statement each: SQLite alters one thing at a time.
        for column in columns {
            manager.alter_table(Table::alter().table("sync_metadata").add_column(column).to_owned()).await?;
        }
        if older::is_there(manager).await? {
            fold::fold(manager).await?;
            rename(manager, OLDER, FOLDED).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.has_table(FOLDED).await? {
            unfold::unfold(manager).await?;
            rename(manager, FOLDED, OLDER).await?;
        }
        for column in ["conflicts", "api_calls_count", "sync_duration_ms", "resolution_strategy"] {
            manager.alter_table(Table::alter().table("sync_metadata").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

async fn rename(manager: &SchemaManager<'_>, from: &'static str, to: &'static str) -> Result<(), DbErr> {
    manager.rename_table(Table::rename().table(from, to).to_owned()).await
}
