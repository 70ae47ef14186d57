//! Which platform accounts are left alone for a while since their calls fail, shared by all replicas. Times are
//! microseconds since the Unix epoch by the database's clock.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, one_of};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let states = &["closed", "open", "half_open"];
        let table = Table::create()
            .table("circuit_breakers")
            .col(text("subject").primary_key())
            .col(text("state").check(one_of("state", states)))
            .col(integer("failures"))
            .col(big_integer_null("opened_at"))
            .col(big_integer_null("until"))
            .col(big_integer_null("probe_until"))
            .col(big_integer("updated_at"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "circuit_breakers").await
    }
}
