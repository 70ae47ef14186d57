//! Folds the table `sync_states` of older installations into `sync_metadata`, so that one row stores the state of a
//! pair.
//!
//! No row is lost. A state whose `(entity_type, entity_id)` already has a link is merged into it: the columns keep the
//! newer success, `legacy` the other. Every other state becomes a link of a disabled sync named `legacy`, for a person
//! to move. The old table is only renamed, to `sync_states_folded`: other migrations created its rows, types and
//! indexes, and `down` has to restore exactly them. Fresh installations have neither table.

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

/// Its name after its rows are folded in.
const FOLDED: &str = "sync_states_folded";

/// The platform of the sync for states without one. No connector has this name, so it also marks the sync as ours.
const LEGACY: &str = "legacy";

/// Rows per statement, well below the parameter limits of both databases.
const BATCH: usize = 500;

/// How a link got its `legacy` column, which determines what `down` does with it.
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
        // One statement each: SQLite alters one column at a time.
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
