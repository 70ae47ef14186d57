//! Adds columns for further job rules: the uniqueness rule of the push, the number of running jobs per key, the number
//! of merged payloads, how long the result is kept, and the failed attempts.
//!
//! `merges` is also the revision of the payload: a writer of a merged payload passes the number that it has read.
//!
//! Running jobs without a concurrency key are not in the index over those keys, so that claims need not write it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop_index, indexes, one_of};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const COLUMNS: &[&str] = &["concurrency_limit", "unique_rule", "merges", "keep_result_ms", "history"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let rules = &["while_waiting", "until_done", "for", "coalesce"];
        let columns = [
            integer("concurrency_limit").default(1).take(),
            text("unique_rule").default("while_waiting").check(one_of("unique_rule", rules)).take(),
            integer("merges").default(0).take(),
            big_integer("keep_result_ms").default(0).take(),
            json_binary_null("history"),
        ];
        // One by one: SQLite cannot add two columns at once.
        for column in columns {
            manager.alter_table(Table::alter().table("jobs").add_column(column).to_owned()).await?;
        }
        drop_index(manager, "ix_jobs_concurrency").await?;
        indexes(
            manager,
            &[
                "CREATE INDEX ix_jobs_concurrency ON jobs (queue, concurrency_key) \
                 WHERE state = 'running' AND concurrency_key IS NOT NULL",
                "CREATE UNIQUE INDEX uq_jobs_until_done ON jobs (unique_key, queue) \
                 WHERE unique_rule = 'until_done' AND state <> 'dead'",
                "CREATE INDEX ix_jobs_unique_running ON jobs (queue, unique_key) \
                 WHERE state = 'running' AND unique_key IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for index in ["ix_jobs_unique_running", "uq_jobs_until_done", "ix_jobs_concurrency"] {
            drop_index(manager, index).await?;
        }
        for column in COLUMNS.iter().rev() {
            manager.alter_table(Table::alter().table("jobs").drop_column(*column).to_owned()).await?;
        }
        indexes(
            manager,
            &["CREATE INDEX ix_jobs_concurrency ON jobs (queue, concurrency_key) WHERE state = 'running'"],
        )
        .await
    }
}
