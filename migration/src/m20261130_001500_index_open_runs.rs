//! Indexes the runs that are not over by status and sync, with all that counts of them need: lists and counts read all of
//! them without it, however long the line is. Completed runs get an index in order of their ids, as those that ended in
//! other ways have: among the latest runs there may be none of them after an outage.

use sea_orm_migration::prelude::*;

use crate::columns::{drop_index, indexes};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const RUNS: [(&str, &str); 2] = [
    ("ix_sync_history_standing", "(status, sync_config_id, id, kind) WHERE completed_at IS NULL"),
    ("ix_sync_history_done", "(id) WHERE status = 'completed'"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, of) in RUNS {
            indexes(manager, &[&format!("CREATE INDEX {name} ON sync_history {of}")]).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in RUNS {
            drop_index(manager, name).await?;
        }
        Ok(())
    }
}
