//! Stores responses to requests that may be repeated: the same key from the same caller gets the same response, and the
//! same key with another request is refused. A row without a response is a request in progress.
//!
//! A caller is its token. Requests without one (loopback needs none) share one key space, so `token_id` may be null. A
//! primary key cannot contain null, and an invented token 0 would break the foreign key; hence the separate id, and a
//! unique index over an expression, because nulls would allow duplicates. A token's keys are deleted with it.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, reference};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut token = reference("idempotency_keys", "token_id", "api_tokens", "id");
        let table = Table::create()
            .table("idempotency_keys")
            .col(big_pk_auto("id"))
            .col(big_integer_null("token_id"))
            .col(text("key"))
            .col(text("request_hash"))
            .col(small_integer_null("response_status"))
            .col(json_binary_null("response_headers"))
            .col(blob_null("response_body"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(token.on_delete(ForeignKeyAction::Cascade))
            .to_owned();
        manager.create_table(table).await?;
        indexes(
            manager,
            &[
                "CREATE UNIQUE INDEX uq_idempotency_keys_key ON idempotency_keys ((coalesce(token_id, 0)), key)",
                "CREATE INDEX ix_idempotency_keys_token ON idempotency_keys (token_id) WHERE token_id IS NOT NULL",
                "CREATE INDEX ix_idempotency_keys_expires ON idempotency_keys (expires_at)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "idempotency_keys").await
    }
}
