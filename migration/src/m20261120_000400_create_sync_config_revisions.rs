//! Stores a sync's document at each revision, so that a run can be explained by the mapping that it used.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sync_config_revisions")
            .col(big_integer("sync_config_id"))
            .col(big_integer("revision"))
            .col(json_binary("config_json"))
            .col(text("by"))
            .col(timestamp_with_time_zone("at"))
            .primary_key(Index::create().col("sync_config_id").col("revision"))
            .foreign_key(&mut reference("sync_config_revisions", "sync_config_id", "sync_configs", "id"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "sync_config_revisions").await
    }
}
