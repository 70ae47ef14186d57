//! Creates links: the table for the state of a pair of items. Both bases are stored with the state, so that the merge
//! of an item reads one row; an open intent as well, because it is how a crash between a remote write and its record is
//! found.
//!
//! `last_run_id` has no foreign key, because links outlive the retention of history.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SIDES: &[&str] = &["source", "target"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_sync_metadata_entity ON sync_metadata (sync_config_id, entity_type, entity_id)",
                "CREATE UNIQUE INDEX uq_sync_metadata_external \
                 ON sync_metadata (sync_config_id, entity_type, external_id)",
                "CREATE INDEX ix_sync_metadata_status ON sync_metadata (sync_config_id, sync_status, id)",
                "CREATE INDEX ix_sync_metadata_entity ON sync_metadata (entity_type, entity_id)",
                "CREATE INDEX ix_sync_metadata_batch ON sync_metadata (sync_batch_id)",
                "CREATE INDEX ix_sync_metadata_due ON sync_metadata (sync_config_id, next_attempt_at) \
                 WHERE next_attempt_at IS NOT NULL",
                "CREATE INDEX ix_sync_metadata_intent ON sync_metadata (intent_deadline) \
                 WHERE intent_deadline IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_metadata").await
    }
}

fn table() -> TableCreateStatement {
    let status = &["pending", "in_progress", "completed", "failed", "skipped", "conflict"];
    let state = &["pending", "linked", "out_of_scope", "tombstone"];
    let direction = &["local_to_remote", "remote_to_local", "bidirectional"];
    let mut table = Table::create();
    table
        .table("sync_metadata")
        .col(big_pk_auto("id"))
        .col(big_integer("sync_config_id"))
        .col(text("entity_type"))
        .col(text_null("entity_id"))
        .col(text_null("external_id"))
        .col(text_null("source_key"))
        .col(text_null("source_url"))
        .col(text_null("target_key"))
        .col(text_null("target_url"))
        .col(text("sync_status").default("pending").check(one_of("sync_status", status)))
        .col(text("link_state").default("pending").check(one_of("link_state", state)))
        .col(text_null("sync_method").check(one_of("sync_method", &["webhook", "poll", "batch", "manual"])))
        .col(text("sync_direction").default("bidirectional").check(one_of("sync_direction", direction)))
        .col(timestamp_with_time_zone_null("last_sync_attempt"))
        .col(timestamp_with_time_zone_null("last_successful_sync"))
        .col(timestamp_with_time_zone_null("next_attempt_at"))
        .col(integer("error_count").default(0))
        .col(text_null("last_error"))
        .col(uuid_null("sync_batch_id"))
        .col(text_null("content_hash"))
        .col(text_null("source_hash"))
        .col(text_null("target_hash"))
        .col(json_binary_null("base_source"))
        .col(json_binary_null("base_target"))
        .col(big_integer("mapping_revision").default(0))
        .col(timestamp_with_time_zone_null("local_modified"))
        .col(timestamp_with_time_zone_null("remote_modified"))
        .col(text_null("source_version"))
        .col(text_null("target_version"))
        .col(timestamp_with_time_zone_null("missing_since"))
        .col(text_null("missing_side").check(one_of("missing_side", SIDES)))
        .col(uuid_null("intent_id"))
        .col(text_null("intent_kind").check(one_of("intent_kind", &["create", "update", "delete"])))
        .col(text_null("intent_side").check(one_of("intent_side", SIDES)))
        .col(json_binary_null("intent"))
        .col(timestamp_with_time_zone_null("intent_deadline"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .col(text_null("deleted_side").check(one_of("deleted_side", SIDES)))
        .col(big_integer("version").default(0))
        .col(uuid_null("last_run_id"))
        .col(json_binary_null("legacy"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .check(Expr::col("entity_id").is_not_null().or(Expr::col("external_id").is_not_null()))
        .foreign_key(&mut reference("sync_metadata", "sync_config_id", "sync_configs", "id"));
    table
}
