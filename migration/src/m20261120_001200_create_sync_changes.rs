//! Creates the audit trail, which rollbacks reverse. A row is written before its call; `state` records the call's
//! verdict. The hashes chain a link's changes in order of `seq`, so that an edited or missing row is detected.
//!
//! `run_id` has no foreign key, because the trail outlives the retention of history; the chain seals it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_changes")
            .col(big_pk_auto("id"))
            .col(big_integer("link_id"))
            .col(big_integer("seq"))
            .col(uuid("run_id"))
            .col(text("side").check(one_of("side", &["source", "target"])))
            .col(text_null("field"))
            .col(json_binary_null("before"))
            .col(json_binary_null("after"))
            .col(text("rule"))
            .col(text("origin_system"))
            .col(text("state").check(one_of("state", &["intended", "confirmed", "unknown"])))
            .col(text_null("prev_hash"))
            .col(text("hash"))
            .col(timestamp_with_time_zone("at"))
            .foreign_key(&mut reference("sync_changes", "link_id", "sync_metadata", "id"))
            .index(Index::create().name("uq_sync_changes_link_seq").unique().col("link_id").col("seq"))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE INDEX ix_sync_changes_run ON sync_changes (run_id)",
                "CREATE INDEX ix_sync_changes_at ON sync_changes (at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_changes").await
    }
}
