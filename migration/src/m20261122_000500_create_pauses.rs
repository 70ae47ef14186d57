//! Creates pauses for work that must not run until a person resumes it: a queue or a platform by name, a sync or an
//! account by id. They are in SQL and not in the queue, so that a pause applies to all replicas and survives a restart
//! and an emptied queue.
//!
//! The subject is text, because queues and platforms have no table; a pause without its subject has no effect. The
//! pauses of a project are deleted with it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let scope = &["queue", "sync", "account", "platform"];
        let mut project = reference("pauses", "project_id", "projects", "id");
        let table = Table::create()
            .table("pauses")
            .col(big_pk_auto("id"))
            .col(text("scope").check(one_of("scope", scope)))
            .col(text("subject"))
            .col(big_integer_null("project_id"))
            .col(text_null("reason"))
            .col(text("by"))
            .col(timestamp_with_time_zone("at"))
            .foreign_key(project.on_delete(ForeignKeyAction::Cascade))
            .index(Index::create().name("uq_pauses_subject").unique().col("scope").col("subject"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "pauses").await
    }
}
