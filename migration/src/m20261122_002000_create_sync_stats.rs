//! What the runs of a sync did, by hour, day and month: statistics over a million runs are then read from a few thousand
//! rows, and outlive the runs themselves, which retention removes.
//!
//! A window is whole months, the days before them and the hours before those, so that a look back over years reads no
//! more rows than one over weeks. Percentiles cannot be added up; histograms can, hence `durations`. It is text,
//! `VALUE:COUNT` with blanks between, since texts set one behind the other are the sum already: the database joins them.

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
    // Derived from a sync's runs, they mean nothing without it and go with it.
    let mut sync = reference("sync_stats", "sync_config_id", "sync_configs", "id");
    // The kind of item stands last: a sync has one at a time, and a window is read for whichever it had.
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
