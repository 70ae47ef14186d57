//! Creates runs, which are also the outbox of the queue: a row is written when a job is accepted, with all its
//! arguments, so that a queue that lost everything can be refilled. `run_uid` is the job's id, and other tables refer
//! to it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_sync_history_tick ON sync_history (schedule_id, tick_at)",
                "CREATE INDEX ix_sync_history_config ON sync_history (sync_config_id, id DESC)",
                "CREATE INDEX ix_sync_history_correlation ON sync_history (correlation_id)",
                "CREATE INDEX ix_sync_history_completed ON sync_history (completed_at)",
                "CREATE INDEX ix_sync_history_unfinished ON sync_history (status, dispatched_at) \
                 WHERE completed_at IS NULL",
                "CREATE INDEX ix_sync_history_link ON sync_history (link_id) WHERE link_id IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_history").await
    }
}

fn table() -> TableCreateStatement {
    let status = &["queued", "in_progress", "completed", "failed", "cancelled", "held"];
    let mut table = Table::create();
    table
        .table("sync_history")
        .col(big_pk_auto("id"))
        .col(uuid_uniq("run_uid"))
        .col(big_integer("project_id"))
        .col(big_integer("sync_config_id"))
        .col(big_integer_null("link_id"))
        .col(uuid_null("parent_run_id"))
        .col(uuid("correlation_id"))
        .col(text("kind").check(one_of("kind", &["sync", "plan", "resolve"])))
        .col(text("sync_type").check(one_of("sync_type", &["webhook", "poll", "batch", "manual"])))
        .col(small_integer("priority").default(2).check(Expr::col("priority").between(0, 3)))
        .col(json_binary("args"))
        .col(text("status").default("queued").check(one_of("status", status)))
        .col(big_integer("fence").default(0))
        .col(timestamp_with_time_zone_null("dispatched_at"))
        .col(big_integer_null("schedule_id"))
        .col(timestamp_with_time_zone_null("tick_at"))
        .col(big_integer("items_synced").default(0))
        .col(big_integer("items_failed").default(0))
        .col(big_integer("items_skipped").default(0))
        .col(big_integer("created").default(0))
        .col(big_integer("updated").default(0))
        .col(big_integer("deleted").default(0))
        .col(big_integer("conflicts").default(0))
        .col(big_integer("api_calls").default(0))
        .col(big_integer_null("duration_ms"))
        .col(timestamp_with_time_zone("queued_at"))
        .col(timestamp_with_time_zone_null("started_at"))
        .col(timestamp_with_time_zone_null("completed_at"))
        .col(boolean_null("success"))
        .col(text_null("error_message"))
        .col(json_binary_null("sync_metadata"))
        .foreign_key(&mut reference("sync_history", "project_id", "projects", "id"))
        .foreign_key(&mut reference("sync_history", "sync_config_id", "sync_configs", "id"))
        .foreign_key(&mut reference("sync_history", "link_id", "sync_metadata", "id"))
        .foreign_key(&mut reference("sync_history", "schedule_id", "schedules", "id"));
    table
}
