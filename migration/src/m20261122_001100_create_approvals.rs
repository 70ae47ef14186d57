//! Records plans that a person approved after the guard had held their run: by hash, so that a changed plan needs a new
//! approval. An approval is deleted with its run; the audit log keeps a record of it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut run = reference("approvals", "run_id", "sync_history", "run_uid");
        let table = Table::create()
            .table("approvals")
            .col(uuid("run_id"))
            .col(text("plan_hash"))
            .col(text("by"))
            .col(timestamp_with_time_zone("at"))
            .primary_key(Index::create().col("run_id").col("plan_hash"))
            .foreign_key(run.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "approvals").await
    }
}
