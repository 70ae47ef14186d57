//! Creates projects first, because every query, room and token is scoped by one. An installation that never names a
//! project uses `default`, which is row 1.

use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::drop;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("projects")
            .col(big_pk_auto("id"))
            .col(text_uniq("key"))
            .col(text("name"))
            .to_owned();
        manager.create_table(table).await?;
        // Without an explicit id: PostgreSQL's sequence would generate 1 a second time.
        let row = Query::insert()
            .into_table("projects")
            .columns(["key", "name"])
            .values_panic(["default".into(), "Default".into()])
            .to_owned();
        manager.execute(row).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, "projects").await
    }
}
