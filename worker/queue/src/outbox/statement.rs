//! Statements that both databases read.

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};

/// A statement with values, written with `?` and numbered for PostgreSQL. The text may hold no literal question mark.
pub fn statement(backend: DbBackend, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    let sql = match backend {
        DbBackend::Postgres => numbered(sql),
        _ => sql.to_owned(),
    };
    Statement::from_sql_and_values(backend, sql, values)
}

/// `?` as `$1`, `$2` ...
fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 64);
    let mut parts = sql.split('?');
    text.push_str(parts.next().unwrap_or_default());
    for (position, part) in parts.enumerate() {
        text.push_str(&format!("${}", position + 1));
        text.push_str(part);
    }
    text
}

/// So many question marks between commas.
pub(super) fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Begins a transaction that will write: on SQLite at once, so that it cannot fail half-way for want of the lock.
pub async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        isolation_level: None,
        access_mode: None,
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
    };
    db.begin_with_options(options).await
}
