//! Writes many rows in one statement, on both databases.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Value};
use syncline_engine::ports::LinkRef;

use syncline_sql::{SIZES, marks, pieces, statement};

/// A column of an update.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The type of the column; PostgreSQL needs it where a value is not next to its column.
    sql_type: &'static str,
    /// Null leaves the stored value unchanged.
    keeps: bool,
}

/// Returns a column that is set to the given value.
pub(super) const fn set(name: &'static str, sql_type: &'static str) -> Column {
    Column { name, sql_type, keeps: false }
}

/// Returns a column that keeps its value if none is given.
pub(super) const fn keep(name: &'static str, sql_type: &'static str) -> Column {
    Column { name, sql_type, keeps: true }
}

/// Updates links by id and version, and raises the version. Returns how many links had the expected version. The values
/// of a large link are megabytes, so they are moved and not copied.
pub(super) async fn update_links(
    tx: &DatabaseTransaction,
    columns: &[Column],
    rows: Vec<(LinkRef, Vec<Value>)>,
) -> Result<u64, DbErr> {
    let backend = tx.get_database_backend();
    let mut updated = 0;
    let mut rows = rows.into_iter();
    while let Some(size) = SIZES.into_iter().find(|size| *size <= rows.len()) {
        let mut piece: Vec<_> = rows.by_ref().take(size).collect();
        if size == 1
            && let Some((at, values)) = piece.pop()
        {
            updated += update_link(tx, columns, at, values).await?;
            continue;
        }
        let sets: Vec<String> =
            columns.iter().map(|column| column.assigned(&format!("v.{}", column.name))).collect();
        let mut names = vec!["column1 AS id".to_owned(), "column2 AS at_version".to_owned()];
        names.extend(
            columns
                .iter()
                .enumerate()
                .map(|(place, column)| format!("column{} AS {}", place + 3, column.name)),
        );
        let row = format!("({})", row_marks(backend, columns));
        let sql = format!(
            "UPDATE sync_metadata SET {}, version = sync_metadata.version + 1 FROM (SELECT {} FROM (VALUES {}) AS raw) AS v \
             WHERE sync_metadata.id = v.id AND sync_metadata.version = v.at_version",
            sets.join(", "),
            names.join(", "),
            vec![row; piece.len()].join(", "),
        );
        let values = piece
            .into_iter()
            .flat_map(|(at, values)| [Value::from(at.id), Value::from(at.version)].into_iter().chain(values));
        updated += tx.execute_raw(statement(backend, &sql, values)).await?.rows_affected();
    }
    Ok(updated)
}

/// Updates a single link: in a list of values, a large one would be copied once more.
async fn update_link(
    tx: &DatabaseTransaction,
    columns: &[Column],
    at: LinkRef,
    values: Vec<Value>,
) -> Result<u64, DbErr> {
    let backend = tx.get_database_backend();
    let sets: Vec<String> =
        columns.iter().map(|column| column.assigned(&mark(backend, column.sql_type))).collect();
    let sql = format!(
        "UPDATE sync_metadata SET {}, version = version + 1 WHERE id = ? AND version = ?",
        sets.join(", ")
    );
    let values = values.into_iter().chain([at.id.into(), at.version.into()]);
    Ok(tx.execute_raw(statement(backend, &sql, values)).await?.rows_affected())
}

impl Column {
    /// Returns the assignment of an expression to the column.
    fn assigned(&self, value: &str) -> String {
        let Column { name, keeps, .. } = self;
        if *keeps {
            format!("{name} = COALESCE({value}, sync_metadata.{name})")
        } else {
            format!("{name} = {value}")
        }
    }
}

/// Returns the placeholder of a bound value, with its type where PostgreSQL needs it.
fn mark(backend: DbBackend, sql_type: &str) -> String {
    if backend == DbBackend::Postgres { format!("CAST(? AS {sql_type})") } else { "?".to_owned() }
}

fn row_marks(backend: DbBackend, columns: &[Column]) -> String {
    let types = ["bigint", "bigint"].into_iter().chain(columns.iter().map(|column| column.sql_type));
    types.map(|sql_type| mark(backend, sql_type)).collect::<Vec<_>>().join(", ")
}

/// Inserts rows and returns the columns that `returning` names.
pub(super) async fn insert(
    tx: &DatabaseTransaction,
    table: &str,
    columns: &[&str],
    rows: &[Vec<Value>],
    returning: &str,
) -> Result<Vec<QueryResult>, DbErr> {
    let backend = tx.get_database_backend();
    let mut answers = Vec::new();
    for piece in pieces(rows) {
        let row = format!("({})", marks(columns.len()));
        let sql = format!(
            "INSERT INTO {table} ({}) VALUES {} {returning}",
            columns.join(", "),
            vec![row; piece.len()].join(", ")
        );
        let statement = statement(backend, &sql, piece.iter().flatten().cloned());
        if returning.is_empty() {
            tx.execute_raw(statement).await?;
        } else {
            answers.extend(tx.query_all_raw(statement).await?);
        }
    }
    Ok(answers)
}
