//! Records actions of people, and of maintenance that deletes data. What a sync did to an item is in `sync_changes`.
//!
//! Subjects are named by kind and id without foreign keys, because the log also covers deleted ones. For the same
//! reason a row outlives its project, and is then visible only to callers who may see all projects.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut project = reference("audit_log", "project_id", "projects", "id");
        let table = Table::create()
            .table("audit_log")
            .col(big_pk_auto("id"))
            .col(big_integer_null("project_id"))
            .col(timestamp_with_time_zone("at"))
            .col(text("actor"))
            .col(text("action"))
            .col(text("subject_kind"))
            .col(text_null("subject_id"))
            .col(json_binary_null("details"))
            .col(text_null("request_id"))
            .foreign_key(project.on_delete(ForeignKeyAction::SetNull))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE INDEX ix_audit_log_at ON audit_log (at)",
                "CREATE INDEX ix_audit_log_project ON audit_log (project_id, id)",
                "CREATE INDEX ix_audit_log_subject ON audit_log (subject_kind, subject_id, id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "audit_log").await
    }
}
