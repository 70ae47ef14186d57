//! Creates the identities of people: the ids and names that accounts, and texts in files and tables, use for them.
//! Identities with the same `person` are one person.
//!
//! `projects.people_revision` is raised with each change; runs then compare fields with people again.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut project = reference("person_identities", "project_id", "projects", "id");
        let mut account = reference("person_identities", "account_id", "accounts", "id");
        let table = Table::create()
            .table("person_identities")
            .col(big_pk_auto("id"))
            .col(big_integer("project_id"))
            .col(uuid("person"))
            .col(big_integer_null("account_id"))
            .col(text("remote_id"))
            .col(text_null("login"))
            .col(text_null("name"))
            .col(text_null("email"))
            .col(text("matched_by").check(one_of("matched_by", &["none", "email", "name", "hand", "apart"])))
            .foreign_key(project.on_delete(ForeignKeyAction::Cascade))
            .foreign_key(account.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_person_identities_account_id ON person_identities (account_id, remote_id)",
                "CREATE UNIQUE INDEX uq_person_identities_text ON person_identities (project_id, remote_id) \
                 WHERE account_id IS NULL",
                "CREATE INDEX ix_person_identities_project ON person_identities (project_id)",
            ],
        )
        .await?;
        let revision = big_integer("people_revision").default(0).to_owned();
        manager.alter_table(Table::alter().table("projects").add_column(revision).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .alter_table(Table::alter().table("projects").drop_column("people_revision").to_owned())
            .await?;
        drop(manager, "person_identities").await
    }
}
