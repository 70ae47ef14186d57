//! Adds the state `not_written` of change rows whose write was refused. Such rows were deleted from their chain, so
//! refused writes left no trace; now no row is deleted from a chain.
//!
//! Expands: a program that does not know the state can run beside this one, and still deletes the rows of its own
//! refused writes. Its worker and its purge compare the state in SQL only (`intended`, `confirmed`). Its `history`,
//! `runs ID` and `verify` name the unknown state and fail, so that no refused write is taken for a change.
//!
//! `down` turns the rows into `unknown`, the only state of the older program that claims neither that the value was
//! written nor that a write is in progress. Deleting them would break their chains. The hashes do not cover the state.

use sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

use crate::columns::{drop, indexes, one_of, reference, run};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const BEFORE: &[&str] = &["intended", "confirmed", "unknown"];
const AFTER: &[&str] = &["intended", "confirmed", "not_written", "unknown"];

/// The name of the rebuilt table until the old one is dropped.
const REBUILT: &str = "sync_changes_rebuilt";

const COLUMNS: &str =
    "id, link_id, seq, run_id, side, field, before, after, rule, origin_system, state, prev_hash, hash, at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        allow(manager, AFTER).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "UPDATE sync_changes SET state = 'unknown' WHERE state = 'not_written'").await?;
        allow(manager, BEFORE).await
    }
}

/// Limits the column to these states.
async fn allow(manager: &SchemaManager<'_>, states: &'static [&'static str]) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return rebuild(manager, states).await;
    }
    let states = states.iter().map(|state| format!("'{state}'")).collect::<Vec<_>>().join(", ");
    let replace = format!(
        "ALTER TABLE sync_changes DROP CONSTRAINT sync_changes_state_check, \
         ADD CONSTRAINT sync_changes_state_check CHECK (state IN ({states}))"
    );
    run(manager, &replace).await
}

/// SQLite cannot alter a CHECK, so the rows are copied into a new table. No table refers to this one. The numbers of
/// deleted rows are not reused.
async fn rebuild(manager: &SchemaManager<'_>, states: &'static [&'static str]) -> Result<(), DbErr> {
    let table = Table::create()
        .table(REBUILT)
        .col(big_pk_auto("id"))
        .col(big_integer("link_id"))
        .col(big_integer("seq"))
        .col(uuid("run_id"))
        .col(text("side").check(one_of("side", &["source", "target"])))
        .col(text_null("field"))
        .col(json_binary_null("before"))
        .col(json_binary_null("after"))
        .col(text("rule"))
        .col(text("origin_system"))
        .col(text("state").check(one_of("state", states)))
        .col(text_null("prev_hash"))
        .col(text("hash"))
        .col(timestamp_with_time_zone("at"))
        .foreign_key(&mut reference("sync_changes", "link_id", "sync_metadata", "id"))
        .index(Index::create().name("uq_sync_changes_link_seq").unique().col("link_id").col("seq"))
        .to_owned();
    manager.create_table(table).await?;
    let copy = format!("INSERT INTO {REBUILT} ({COLUMNS}) SELECT {COLUMNS} FROM sync_changes ORDER BY id");
    let forget = format!("DELETE FROM sqlite_sequence WHERE name = '{REBUILT}'");
    let number = format!(
        "INSERT INTO sqlite_sequence (name, seq) SELECT '{REBUILT}', seq FROM sqlite_sequence WHERE name = 'sync_changes'"
    );
    indexes(manager, &[&copy, &forget, &number]).await?;
    drop(manager, "sync_changes").await?;
    let rename = format!("ALTER TABLE {REBUILT} RENAME TO sync_changes");
    indexes(
        manager,
        &[
            &rename,
            "CREATE INDEX ix_sync_changes_run ON sync_changes (run_id)",
            "CREATE INDEX ix_sync_changes_at ON sync_changes (at)",
        ],
    )
    .await
}
