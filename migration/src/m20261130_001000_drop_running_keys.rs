//! Drops an index that each claim of a job with a unique key wrote, and that nothing reads: a key applies only while
//! its job waits.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, "ix_jobs_unique_running").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        indexes(
            manager,
            &["CREATE INDEX ix_jobs_unique_running ON jobs (queue, unique_key) \
               WHERE state = 'running' AND unique_key IS NOT NULL"],
        )
        .await
    }
}
