//! Creates the events of the live feed, in the order of writing. They are kept for a day.
//!
//! Every run adds rows, so the table has one index and no foreign key. Events of a deleted project expire by age.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("events")
            .col(big_pk_auto("seq"))
            .col(uuid("id"))
            .col(big_integer_null("project_id"))
            .col(text("rooms"))
            .col(text("type"))
            .col(text_null("subject"))
            .col(timestamp_with_time_zone("time"))
            .col(json_binary("data"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "events").await
    }
}
