//! Creates tokens for the API, with their permissions. Only a token's hash is stored, so that a reader of the table
//! cannot call the API.
//!
//! A token of one project is deleted with it; without its project it would be valid for all of them. A revoked token
//! keeps its row, which records its name and its last use.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut project = reference("api_tokens", "project_id", "projects", "id");
        let table = Table::create()
            .table("api_tokens")
            .col(big_pk_auto("id"))
            .col(text("hash"))
            .col(text("name"))
            .col(big_integer_null("project_id"))
            .col(json_binary("scopes"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone_null("expires_at"))
            .col(timestamp_with_time_zone_null("last_used_at"))
            .col(timestamp_with_time_zone_null("revoked_at"))
            .foreign_key(project.on_delete(ForeignKeyAction::Cascade))
            .index(Index::create().name("uq_api_tokens_hash").unique().col("hash"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "api_tokens").await
    }
}
