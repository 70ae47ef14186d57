//! Creates conflicts: where the two sides of a link disagree. At most one is open per link and field: meeting it again
//! raises `occurrences` instead of adding a row. A conflict about a whole item has no field, hence the `coalesce`.
//!
//! `run_id` and `resolve_run_id` have no foreign keys, because open conflicts outlive the retention of history.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_conflicts")
            .col(big_pk_auto("id"))
            .col(big_integer("link_id"))
            .col(uuid("run_id"))
            .col(text_null("field"))
            .col(text("conflict_type"))
            .col(json_binary_null("base_data"))
            .col(json_binary_null("source_data"))
            .col(json_binary_null("target_data"))
            .col(timestamp_with_time_zone_null("source_modified"))
            .col(timestamp_with_time_zone_null("target_modified"))
            .col(text_null("resolution_strategy"))
            .col(text_null("resolution").check(one_of("resolution", &["source", "target"])))
            .col(boolean("resolved").default(false))
            .col(timestamp_with_time_zone_null("resolved_at"))
            .col(text_null("resolved_by"))
            .col(uuid_null("resolve_run_id"))
            .col(integer("occurrences").default(1))
            .col(timestamp_with_time_zone_null("escalated_at"))
            .col(timestamp_with_time_zone("created_at"))
            .foreign_key(&mut reference("sync_conflicts", "link_id", "sync_metadata", "id"))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_sync_conflicts_open ON sync_conflicts (link_id, (coalesce(field, ''))) \
                 WHERE resolved = false",
                "CREATE INDEX ix_sync_conflicts_list ON sync_conflicts (resolved, conflict_type, id)",
                "CREATE INDEX ix_sync_conflicts_link ON sync_conflicts (link_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_conflicts").await
    }
}
