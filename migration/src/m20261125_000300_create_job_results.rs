//! Stores the outcomes of jobs that have left the queue, if their push asked to keep them. Times are the queue's:
//! microseconds since the Unix epoch by the database's clock.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("job_results")
            .col(pk_uuid("id"))
            .col(text("queue"))
            .col(text("kind"))
            .col(boolean("cancelled"))
            .col(json_binary_null("result"))
            .col(text_null("last_error"))
            .col(integer("attempt"))
            .col(big_integer("ended_at"))
            .col(big_integer("expires_at"))
            .to_owned();
        manager.create_table(table).await?;
        indexes(manager, &["CREATE INDEX ix_job_results_expires ON job_results (expires_at)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "job_results").await
    }
}
