//! Creates accounts: the credentials and addresses for reaching a platform. The secret is a reference or is encrypted
//! here with a named key, never both, so that rotating one cannot leave the other behind.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("accounts")
            .col(big_pk_auto("id"))
            .col(big_integer("project_id"))
            .col(text("platform"))
            .col(text("name"))
            .col(text_null("base_url"))
            .col(text_null("secret_ref"))
            .col(blob_null("secret_enc"))
            .col(text_null("key_id"))
            .col(json_binary_null("scopes"))
            .col(timestamp_with_time_zone_null("paused_at"))
            .col(json_binary_null("breaker"))
            .check(Expr::col("secret_ref").is_null().or(Expr::col("secret_enc").is_null()))
            .check(Expr::col("secret_enc").is_null().or(Expr::col("key_id").is_not_null()))
            .foreign_key(&mut reference("accounts", "project_id", "projects", "id"))
            .index(Index::create().name("uq_accounts_project_name").unique().col("project_id").col("name"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "accounts").await
    }
}
