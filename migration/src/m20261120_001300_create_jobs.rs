//! Creates the SQL queue. A row is a job that is waiting, running or dead; a finished one is deleted at once, because
//! history records it.
//!
//! Times are microseconds since the Unix epoch by the database's own clock, not timestamps: claims and leases compare
//! and add to them inside statements, and whole numbers make that the same arithmetic on SQLite and PostgreSQL.
//!
//! There is no foreign key to the run: the queue has no run rows, and also runs jobs of other kinds.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("jobs")
            .col(pk_uuid("id"))
            .col(text("queue"))
            .col(text("kind"))
            .col(integer("payload_version"))
            .col(json_binary("payload"))
            .col(small_integer("priority").default(2).check(Expr::col("priority").between(0, 3)))
            .col(text("state").default("waiting").check(one_of("state", &["waiting", "running", "dead"])))
            .col(big_integer("run_at"))
            .col(integer("attempt").default(0))
            .col(integer("max_attempts"))
            .col(big_integer("retry_base_ms"))
            .col(big_integer("retry_cap_ms"))
            .col(big_integer("claim_token").default(0))
            .col(big_integer_null("lease_until"))
            .col(text_null("worker_id"))
            .col(text_null("unique_key"))
            .col(text_null("concurrency_key"))
            .col(text_null("order_key"))
            .col(boolean("cancel_requested").default(false))
            .col(json_binary_null("progress"))
            .col(text_null("last_error"))
            .col(text_null("dead_reason"))
            .col(big_integer("enqueued_at"))
            .col(big_integer_null("finished_at"))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE INDEX ix_jobs_waiting ON jobs (queue, priority, run_at, id) WHERE state = 'waiting'",
                "CREATE INDEX ix_jobs_lease ON jobs (lease_until) WHERE state = 'running'",
                "CREATE UNIQUE INDEX uq_jobs_unique_key ON jobs (queue, unique_key) \
                 WHERE state = 'waiting' AND unique_key IS NOT NULL",
                "CREATE INDEX ix_jobs_concurrency ON jobs (queue, concurrency_key) WHERE state = 'running'",
                "CREATE INDEX ix_jobs_order ON jobs (queue, order_key, id) WHERE order_key IS NOT NULL",
                "CREATE INDEX ix_jobs_dead ON jobs (queue, finished_at) WHERE state = 'dead'",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "jobs").await
    }
}
