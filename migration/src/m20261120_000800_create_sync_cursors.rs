//! Stores how far each side of a sync was read, per container, so that incremental runs request changes only. A side
//! without containers has the empty one, because a null in the key would allow a second row.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_cursors")
            .col(big_integer("sync_config_id"))
            .col(text("side").check(one_of("side", &["source", "target"])))
            .col(text("container").default(""))
            .col(text_null("cursor"))
            .col(timestamp_with_time_zone_null("high_water"))
            .col(timestamp_with_time_zone_null("last_full_at"))
            .col(uuid_null("run_id"))
            .col(big_integer("version").default(0))
            .primary_key(Index::create().col("sync_config_id").col("side").col("container"))
            .foreign_key(&mut reference("sync_cursors", "sync_config_id", "sync_configs", "id"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_cursors").await
    }
}
