//! Creates Syncline's own periodic tasks, with their next due times. No worker leads: the worker that advances
//! `next_at` takes the tick, and the others find it advanced. The first worker that knows a task creates its row.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("maintenance_tasks")
            .col(text("task").primary_key())
            .col(big_integer("every_seconds"))
            .col(timestamp_with_time_zone("next_at"))
            .col(timestamp_with_time_zone_null("last_at"))
            .col(json_binary_null("last_result"))
            .col(boolean("enabled").default(true))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "maintenance_tasks").await
    }
}
