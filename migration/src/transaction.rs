//! Puts every migration into a transaction, so that one killed half-way leaves the schema as it was.

use sea_orm_migration::prelude::*;

/// A migration that always runs in a transaction. SeaORM's default is one on PostgreSQL and none on SQLite; wrapping the
/// whole list here spares each file from having to remember.
pub(crate) struct InTransaction(Box<dyn MigrationTrait>);

impl InTransaction {
    pub(crate) fn boxed(migration: Box<dyn MigrationTrait>) -> Box<dyn MigrationTrait> {
        Box::new(Self(migration))
    }
}

impl MigrationName for InTransaction {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl MigrationTrait for InTransaction {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
