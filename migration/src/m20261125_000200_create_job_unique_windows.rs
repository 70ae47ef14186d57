//! Stores how long a pushed job blocks others with its unique key, whatever its outcome. The row outlives the job, so
//! it is not part of the job's row.
//!
//! Times are the queue's: microseconds since the Unix epoch by the database's clock. The next push of the key replaces
//! an expired window, or it is purged.

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
