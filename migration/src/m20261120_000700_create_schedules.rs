//! Creates schedules, which start a sync's runs. The scheduler waits for `next_tick_at`; a unique key of `sync_history`
//! ensures that a tick fires once, however many replicas run.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("schedules")
            .col(big_pk_auto("id"))
            .col(big_integer("sync_config_id"))
            .col(text("name"))
            .col(text("kind").check(one_of("kind", &["interval", "cron"])))
            .col(text("expression"))
            .col(text("timezone").default("UTC"))
            .col(text("missed_policy").default("once"))
            .col(timestamp_with_time_zone_null("next_tick_at"))
            .col(timestamp_with_time_zone_null("last_tick_at"))
            .col(timestamp_with_time_zone_null("paused_at"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(&mut reference("schedules", "sync_config_id", "sync_configs", "id"))
            .index(
                Index::create().name("uq_schedules_config_name").unique().col("sync_config_id").col("name"),
            )
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &["CREATE INDEX ix_schedules_next ON schedules (next_tick_at) WHERE next_tick_at IS NOT NULL"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "schedules").await
    }
}
