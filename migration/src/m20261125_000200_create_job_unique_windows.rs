//! For how long a job that was pushed stands for others of its unique key, whatever has become of it. The row outlives
//! the job, so it is not the job's.
//!
//! Times are the queue's: microseconds since the Unix epoch by the database's clock. What is over is replaced by the next
//! push of the key, or purged.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("job_unique_windows")
            .col(text("queue"))
            .col(text("unique_key"))
            .col(uuid("job_id"))
            .col(big_integer("until"))
            .primary_key(Index::create().col("queue").col("unique_key"))
            .to_owned();
        manager.create_table(table).await?;
        indexes(manager, &["CREATE INDEX ix_job_unique_windows_until ON job_unique_windows (until)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "job_unique_windows").await
    }
}
