//! Records how long an item was in each status: a row per stay, and at most one open stay per side of a link, so that
//! two concurrent runs cannot both add it. `status` is the platform's name and `canonical` the status map's; neither is
//! a closed set. A link's stays are deleted with it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut link = reference("status_history", "link_id", "sync_metadata", "id");
        let table = Table::create()
            .table("status_history")
            .col(big_pk_auto("id"))
            .col(big_integer("link_id"))
            .col(text("side").check(one_of("side", &["source", "target"])))
            .col(text("status"))
            .col(text_null("canonical"))
            .col(timestamp_with_time_zone("entered_at"))
            .col(timestamp_with_time_zone_null("left_at"))
            .foreign_key(link.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_status_history_open ON status_history (link_id, side) WHERE left_at IS NULL",
                "CREATE INDEX ix_status_history_link ON status_history (link_id, entered_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "status_history").await
    }
}
