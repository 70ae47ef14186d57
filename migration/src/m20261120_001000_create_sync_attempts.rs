//! Records every attempt at a run: the worker, the outcome and the error. Attempts are deleted with their run.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut run = reference("sync_attempts", "run_id", "sync_history", "run_uid");
        let table = Table::create()
            .table("sync_attempts")
            .col(uuid("run_id"))
            .col(integer("attempt"))
            .col(text("worker"))
            .col(timestamp_with_time_zone("started_at"))
            .col(timestamp_with_time_zone_null("ended_at"))
            .col(text_null("outcome"))
            .col(text_null("error"))
            .primary_key(Index::create().col("run_id").col("attempt"))
            .foreign_key(run.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_attempts").await
    }
}
