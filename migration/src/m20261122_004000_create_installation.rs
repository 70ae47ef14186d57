//! Records where this database is located, and whether it was restored to an older state. A restored database looks
//! like any other, and its links are older than their items: a run that trusts them may delete or create the wrong
//! items.
//!
//! One row, number 1, which the first process writes. `place` is the fingerprint of the location, compared at each
//! start; `backup_taken_at` is set only inside a copy that `syncline backup` made.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("installation")
            .col(small_integer("id").primary_key().take())
            .col(uuid("installation_id"))
            .col(text("place"))
            .col(timestamp_with_time_zone("started_at"))
            .col(timestamp_with_time_zone("last_seen_at"))
            .col(timestamp_with_time_zone_null("backup_taken_at"))
            .col(timestamp_with_time_zone_null("restored_at"))
            .col(text_null("restored_from"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "installation").await
    }
}
