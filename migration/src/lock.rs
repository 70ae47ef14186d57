//! One migrator at a time: a transaction that holds the lock from before it looks until it commits.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};

use crate::error::{driver, sqlstate};

/// How long a migrator waits for others in all: a large installation's fold takes its time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How long one try may stand in line for a table on PostgreSQL. Everybody who comes later waits behind it, so a
/// migration steps aside and tries again rather than stop the writers.
pub(crate) const TABLE_LOCK_S: u64 = 2;

/// Begins a transaction that no other migrator can begin until it ends: on SQLite the writer's lock, on PostgreSQL an
/// advisory lock of this schema.
pub(crate) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let until = Instant::now() + PATIENCE;
    loop {
        match db.begin_with_options(options).await {
            Ok(tx) => {
                hold(&tx).await?;
                return Ok(tx);
            }
            Err(error) if is_busy(&error) && Instant::now() < until => {
                // The connection has waited already, unless somebody opened it without a busy timeout.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn hold(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    if tx.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for sql in [
        // A step may compute for longer between two statements than any other transaction of ours.
        "SET LOCAL idle_in_transaction_session_timeout = 0".to_owned(),
        "SET LOCAL statement_timeout = 0".to_owned(),
        "SET LOCAL lock_timeout = 0".to_owned(),
        "SELECT pg_advisory_xact_lock(hashtext('syncline_migrations'), hashtext(current_schema()))"
            .to_owned(),
        format!("SET LOCAL lock_timeout = '{TABLE_LOCK_S}s'"),
    ] {
        // Past the recorder: these are no statements of a migration.
        tx.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Whether another transaction was in the way: trying again may help.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    let Some(error) = driver(error) else { return false };
    match sqlstate(error) {
        // lock_not_available, deadlock_detected
        Some(state) => ["55P03", "40P01"].contains(&state),
        // The primary code SQLITE_BUSY, whatever its extension.
        None => error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| code & 0xff == 5),
    }
}

/// A statement as text, for what is neither prepared nor repeated.
pub(crate) fn plain(db: &impl ConnectionTrait, sql: impl Into<String>) -> Statement {
    Statement::from_string(db.get_database_backend(), sql)
}
