//! Creates alerts: measurements that crossed a threshold, with start and end. At most one alert is open per rule and
//! subject, so that replicas that detect the same problem raise and deliver it once.
//!
//! `delivered_at` is when the alert's present state, raised or cleared, was delivered. Clearing an alert empties the
//! column, and rows with an empty column are due, even after restarts. The alerts of a project are deleted with it.

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
                // The unique index would do, but SQLite prefers to read the whole table in order of id.
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
