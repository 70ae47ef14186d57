//! Allows one migrator at a time: its transaction takes the lock before it reads the version, until it commits.

use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};

use crate::error::{driver, sqlstate};

/// How long a migrator waits for others in total; folding a large installation takes long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How long one attempt waits for a table lock on PostgreSQL. Later transactions queue behind it, so a migration gives
/// up and retries rather than block the writers.
pub(crate) const TABLE_LOCK_S: u64 = 2;

/// Begins a transaction that excludes other migrators until it ends: on SQLite by the write lock, on PostgreSQL by an
/// advisory lock for this schema.
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
                // The connection has already waited, unless it was opened without a busy timeout.
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
        // A step may compute longer between two statements than any other transaction of ours.
        "SET LOCAL idle_in_transaction_session_timeout = 0".to_owned(),
        "SET LOCAL statement_timeout = 0".to_owned(),
        "SET LOCAL lock_timeout = 0".to_owned(),
        "SELECT pg_advisory_xact_lock(hashtext('syncline_migrations'), hashtext(current_schema()))"
            .to_owned(),
        format!("SET LOCAL lock_timeout = '{TABLE_LOCK_S}s'"),
    ] {
        // Bypasses the recorder, because these are not a migration's statements.
        tx.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// True if another transaction was in the way, so that a retry may succeed.
pub(crate) fn is_busy(error: &DbErr) -> bool {
    let Some(error) = driver(error) else { return false };
    match sqlstate(error) {
        // lock_not_available, deadlock_detected
        Some(state) => ["55P03", "40P01"].contains(&state),
        // The primary code SQLITE_BUSY, with any extension.
        None => error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| code & 0xff == 5),
    }
}

/// Returns a one-off statement as text, which is not prepared.
pub(crate) fn plain(db: &impl ConnectionTrait, sql: impl Into<String>) -> Statement {
    Statement::from_string(db.get_database_backend(), sql)
}
