//! Registers the workers of this database, so that people can see them and a migration that would drop their tables can
//! refuse.
//!
//! A row is a process that runs jobs; it updates its heartbeat every `beat_ms` and deletes its row when it ends. A
//! killed process leaves its row, which its age reveals. As in `jobs`, times are microseconds since the Unix epoch by
//! the database's own clock, because statements compare ages and workers' clocks differ.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("workers")
            .col(pk_uuid("id"))
            .col(text("name"))
            .col(text("role"))
            .col(text("host"))
            .col(big_integer("pid"))
            .col(text("version"))
            .col(text("schema_version"))
            .col(json_binary("queues"))
            .col(integer("concurrency"))
            .col(integer("running").default(0))
            .col(boolean("stopping").default(false))
            .col(big_integer("beat_ms"))
            .col(big_integer("started_at"))
            .col(big_integer("heartbeat_at"))
            .index(Index::create().name("uq_workers_name").unique().col("name"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "workers").await
    }
}
