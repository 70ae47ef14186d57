//! What a person let pass after the guard had held a run: exactly the plan that was shown, by its hash, so that a plan
//! which has become another one has to be asked about again. An approval means nothing without its run and goes with it;
//! that it was given stays in the audit log.

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
