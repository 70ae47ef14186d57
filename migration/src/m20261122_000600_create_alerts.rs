//! What crossed a threshold, from when to when. Of one rule and subject at most one alert is open, so that replicas which
//! see the same thing raise it once, and it is delivered once.
//!
//! `delivered_at` is when the alert was told as it stands now, raised or cleared: clearing it empties the column again, and
//! whatever is empty is due, however often the process restarts meanwhile. The alerts of a project go with it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut project = reference("alerts", "project_id", "projects", "id");
        let table = Table::create()
            .table("alerts")
            .col(big_pk_auto("id"))
            .col(big_integer_null("project_id"))
            .col(text("rule"))
            .col(text("subject"))
            .col(text("level").check(one_of("level", &["info", "warning", "critical"])))
            .col(double("value"))
            .col(double("threshold"))
            .col(text("message"))
            .col(timestamp_with_time_zone("raised_at"))
            .col(timestamp_with_time_zone_null("cleared_at"))
            .col(timestamp_with_time_zone_null("acknowledged_at"))
            .col(text_null("acknowledged_by"))
            .col(timestamp_with_time_zone_null("delivered_at"))
            .foreign_key(project.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_alerts_open ON alerts (rule, subject) WHERE cleared_at IS NULL",
                // The unique one alone would do, were it not that SQLite rather reads the whole table in order of id.
                "CREATE INDEX ix_alerts_open ON alerts (id) WHERE cleared_at IS NULL",
                "CREATE INDEX ix_alerts_raised ON alerts (raised_at)",
                "CREATE INDEX ix_alerts_project ON alerts (project_id, id)",
                "CREATE INDEX ix_alerts_undelivered ON alerts (id) WHERE delivered_at IS NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "alerts").await
    }
}
