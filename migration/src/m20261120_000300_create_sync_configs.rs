//! Creates syncs, each a configured pair of source and target. `config_json` is the whole document; the columns serve
//! filters and sorting. A deleted sync keeps its row, because links and history refer to it, and releases its name.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_configs")
            .col(big_pk_auto("id"))
            .col(big_integer("project_id"))
            .col(text("name"))
            .col(text("source_platform"))
            .col(text("target_platform"))
            .col(big_integer_null("source_account_id"))
            .col(big_integer_null("target_account_id"))
            .col(text("entity_type"))
            .col(
                text("direction")
                    .check(one_of("direction", &["source_to_target", "target_to_source", "bidirectional"])),
            )
            .col(text("conflict_strategy").default("last_write_wins"))
            .col(boolean("enabled").default(true))
            .col(timestamp_with_time_zone_null("paused_at"))
            .col(integer_null("sync_interval"))
            .col(text_null("schedule"))
            .col(integer("batch_size").default(50))
            .col(boolean("batch_fallback_enabled").default(true))
            .col(boolean("two_way_create").default(false))
            .col(boolean("webhook_enabled").default(false))
            .col(text_null("webhook_secret_ref"))
            .col(integer("max_retries").default(3))
            .col(json_binary("config_json"))
            .col(big_integer("revision").default(1))
            .col(text("managed_by").default("api").check(one_of("managed_by", &["file", "api"])))
            .col(timestamp_with_time_zone_null("last_sync_at"))
            .col(timestamp_with_time_zone_null("last_batch_sync_at"))
            .col(timestamp_with_time_zone_null("deleted_at"))
            .foreign_key(&mut reference("sync_configs", "project_id", "projects", "id"))
            .foreign_key(&mut reference("sync_configs", "source_account_id", "accounts", "id"))
            .foreign_key(&mut reference("sync_configs", "target_account_id", "accounts", "id"))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &["CREATE UNIQUE INDEX uq_sync_configs_project_name ON sync_configs (project_id, name) \
               WHERE deleted_at IS NULL"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_configs").await
    }
}
