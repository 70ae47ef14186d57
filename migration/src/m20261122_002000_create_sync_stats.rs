//! Totals the runs of a sync by hour, day and month: statistics over a million runs read a few thousand rows, and
//! outlive the runs, which retention removes.
//!
//! A window is whole months, then days and hours at its edges, so that a window of years reads no more rows than one of
//! weeks. Percentiles cannot be added up; histograms can, hence `durations`. It is text, `VALUE:COUNT` separated by
//! blanks, because concatenated texts are already the sum: the database joins them.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_stats").await
    }
}

const NUMBERS: [&str; 15] = [
    "runs_completed",
    "runs_failed",
    "runs_cancelled",
    "runs_held",
    "runs_succeeded",
    "items_synced",
    "items_failed",
    "items_skipped",
    "created",
    "updated",
    "deleted",
    "conflicts",
    "api_calls",
    "duration_sum_ms",
    "duration_max_ms",
];

fn table() -> TableCreateStatement {
    // Derived from a sync's runs, so they are deleted with the sync.
    let mut sync = reference("sync_stats", "sync_config_id", "sync_configs", "id");
    // The kind of item is last: a sync has one at a time, and a window is read for all kinds that it had.
    let key = Index::create().col("sync_config_id").col("span").col("bucket").col("entity_type").to_owned();
    let mut table = Table::create();
    table
        .table("sync_stats")
        .col(big_integer("sync_config_id"))
        .col(text("span").check(one_of("span", &["hour", "day", "month"])))
        .col(timestamp_with_time_zone("bucket"))
        .col(text("entity_type"));
    for number in NUMBERS {
        table.col(big_integer(number).default(0));
    }
    table
        .col(text("durations").default(""))
        .primary_key(&mut key.clone())
        .foreign_key(sync.on_delete(ForeignKeyAction::Cascade));
    table
}
