//! What the workers do for Syncline's own sake, and when it is due next. No worker leads: whoever moves `next_at` on has
//! taken the tick, and the others find it moved. A row is made by the first worker that knows the task.

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
