//! Builds statements for both databases.

use sea_orm::{DbBackend, Statement, Value};

/// Builds a statement with values, written with `?` and numbered for PostgreSQL. The text may contain no literal
/// question mark.
pub fn statement(backend: DbBackend, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    let sql = match backend {
        DbBackend::Postgres => numbered(sql),
        _ => sql.to_owned(),
    };
    Statement::from_sql_and_values(backend, sql, values)
}

/// Replaces `?` by `$1`, `$2` ...
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

/// Returns `count` question marks, separated by commas.
pub fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// The numbers of rows per statement. They are few, so that a connection's cache of prepared statements holds them all.
pub const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Cuts a slice into pieces of these sizes.
pub fn pieces<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rest.len())?;
        let (piece, others) = rest.split_at(size);
        rest = others;
        Some(piece)
    })
}
