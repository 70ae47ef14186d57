//! Creates operations: changes of many subjects in the background, for example the replay of all dead letters of a
//! group. A preview is a row, too: it has the filter, the time up to which subjects count, and their number, and its token
//! starts exactly that.
//!
//! `cursor` is the progress of a started operation. It is raised in the transaction of the changes, by compare-and-set,
//! so that a worker that continues after another changes nothing twice.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let states = &["previewed", "running", "done", "cancelled", "failed"];
        let mut project = reference("operations", "project_id", "projects", "id");
        let table = Table::create()
            .table("operations")
            .col(big_pk_auto("id"))
            .col(uuid("operation_uid").unique_key())
            .col(big_integer_null("project_id"))
            .col(text("action").check(one_of("action", &["replay", "discard", "resolve"])))
            .col(json_binary("filter"))
            .col(timestamp_with_time_zone("cutoff"))
            .col(text("state").check(one_of("state", states)))
            .col(text_null("reason"))
            .col(big_integer("total"))
            .col(big_integer("done").default(0))
            .col(big_integer("skipped").default(0))
            .col(text_null("cursor"))
            .col(text_null("token"))
            .col(text("actor"))
            .col(big_integer_null("token_id"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("started_at"))
            .col(timestamp_with_time_zone_null("completed_at"))
            .col(timestamp_with_time_zone_null("cancel_requested_at"))
            .col(text_null("error"))
            .foreign_key(project.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        let token = "CREATE UNIQUE INDEX uq_operations_token ON operations (token) WHERE token IS NOT NULL";
        indexes(manager, &[token]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "operations").await
    }
}
