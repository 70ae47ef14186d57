//! Statements that both databases read.

use sea_orm::{DbBackend, Statement, Value};

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
pub fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// Rows in one statement. Few sizes, so that a connection's cache of prepared statements holds them all.
pub const SIZES: [usize; 5] = [256, 64, 16, 4, 1];

/// Cuts a slice into pieces of the few sizes.
pub fn pieces<T>(mut rest: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rest.len())?;
        let (piece, others) = rest.split_at(size);
        rest = others;
        Some(piece)
    })
}
