//! Builds statements: a text and the values that it names.
//!
//! Databases keep a prepared statement per text, so the text should not depend on the number of rows. PostgreSQL takes
//! each column as an array. SQLite has no arrays and takes plain values, in one of a few lengths. Both could parse
//! JSON, but that costs more than the rows themselves.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use serde_json::Value as Json;
use uuid::Uuid;

/// The type of a column of [`Binds::rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A UUID; in JSON a text of 32 digits.
    Id,
    /// A whole number.
    Number,
    Text,
    /// A time, formatted by [`moment`].
    Time,
}

/// The values bound so far. Both databases take `$1`, so one text serves both.
#[derive(Debug)]
pub struct Binds {
    pub backend: DbBackend,
    values: Vec<Value>,
    tables: Vec<Table>,
}

/// Rows as plain values, row by row.
#[derive(Debug)]
struct Table {
    columns: usize,
    cells: Vec<Value>,
}

/// A table with more cells than this is passed as JSON: a statement in SQLite takes at most 32,766 values.
const MOST_CELLS: usize = 10_000;

/// Marks the number of a table in a text under construction, before and after it.
const MARK: char = '\u{1}';

impl Table {
    /// Writes the rows for `VALUES`, filled up to the next length that has a statement of its own.
    fn write(&self, text: &mut String) {
        let rows = self.cells.len() / self.columns.max(1);
        let most = [1, 4, 16, 64, 256, 512].into_iter().find(|most| *most >= rows).unwrap_or(rows);
        let row = format!("({})", vec!["?"; self.columns].join(","));
        text.push_str(&vec![row; most].join(","));
    }

    /// Returns the values of the table, with nulls for the rows that fill it up.
    fn cells(&self, text: &str) -> impl Iterator<Item = Value> {
        let marks = text.bytes().filter(|byte| *byte == b'?').count();
        let absent = marks.saturating_sub(self.cells.len());
        self.cells.iter().cloned().chain(std::iter::repeat_n(Value::Int(None), absent))
    }
}

/// The name of a bound value; write it into the text.
#[derive(Debug, Clone, Copy)]
pub struct Bound(usize);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Binds {
    pub fn new<C: ConnectionTrait>(db: &C) -> Self {
        Self { backend: db.get_database_backend(), values: Vec::new(), tables: Vec::new() }
    }

    /// Binds a value and returns its name.
    pub fn bind(&mut self, value: impl Into<Value>) -> Bound {
        self.values.push(value.into());
        Bound(self.values.len())
    }

    /// Binds rows, each a JSON object, and returns them as a table for `FROM`. Missing members become null.
    pub fn rows(&mut self, rows: Vec<Json>, columns: &[(&str, Kind)]) -> String {
        if self.backend != DbBackend::Postgres {
            return self.plain_rows(rows, columns);
        }
        let mut names = Vec::with_capacity(columns.len());
        let mut arrays = Vec::with_capacity(columns.len());
        for (name, kind) in columns {
            let kind = match kind {
                Kind::Id => "uuid",
                Kind::Number => "bigint",
                Kind::Text => "text",
                Kind::Time => "timestamptz",
            };
            let array = self.bind(array(rows.iter().map(|row| row.get(name).unwrap_or(&Json::Null))));
            arrays.push(format!("CAST({array} AS {kind}[])"));
            names.push(*name);
        }
        format!("(SELECT * FROM unnest({}) AS one({}))", arrays.join(", "), names.join(", "))
    }

    fn plain_rows(&mut self, rows: Vec<Json>, columns: &[(&str, Kind)]) -> String {
        if rows.len() * columns.len() > MOST_CELLS {
            let list = self.bind(Json::Array(rows).to_string());
            let column = |(name, kind): &(&str, Kind)| match kind {
                Kind::Id => format!("unhex(json_extract(value, '$.{name}')) AS {name}"),
                _ => format!("json_extract(value, '$.{name}') AS {name}"),
            };
            let columns = columns.iter().map(column).collect::<Vec<_>>().join(", ");
            return format!("(SELECT {columns} FROM json_each({list}))");
        }
        let many = self.bind(i64::try_from(rows.len()).unwrap_or(i64::MAX));
        let mut cells = Vec::with_capacity(rows.len() * columns.len());
        for mut row in rows {
            let cell = |(name, kind): &(&str, Kind)| cell(row.get_mut(name).map(Json::take), *kind);
            cells.extend(columns.iter().map(cell));
        }
        let number = self.tables.len();
        self.tables.push(Table { columns: columns.len(), cells });
        let column = |(at, (name, _)): (usize, &(&str, Kind))| format!("column{} AS {name}", at + 1);
        let columns = columns.iter().enumerate().map(column).collect::<Vec<_>>().join(", ");
        // The limit removes the rows that fill up the table.
        format!("(SELECT {columns} FROM (VALUES {MARK}{number}{MARK}) LIMIT {})", self.limit(many))
    }

    /// Returns a bound value as a limit. SQLite makes its plan for the value of a bare parameter, so it would prepare
    /// the statement again at every use.
    pub fn limit(&self, limit: Bound) -> String {
        match self.backend {
            DbBackend::Postgres => limit.to_string(),
            _ => format!("{limit} + 0"),
        }
    }

    /// Returns a text column of [`Binds::rows`] with JSON in the type of JSON columns.
    pub fn json(&self, column: &str) -> String {
        match self.backend {
            DbBackend::Postgres => format!("CAST({column} AS jsonb)"),
            _ => column.to_owned(),
        }
    }

    /// Returns the database's clock at the statement's start, the same time for all rows. So a statement that waited
    /// for a lock grants no more than was requested when it was sent. It is a scalar subquery, so that an index can be
    /// used with it.
    pub fn now(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => "(SELECT (extract(epoch from statement_timestamp()) * 1000000)::bigint)",
            _ => "(SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
        }
    }

    /// Returns the statement with this text and the bound values.
    pub fn statement(self, text: String) -> Statement {
        if self.tables.is_empty() {
            return Statement::from_sql_and_values(self.backend, text, self.values);
        }
        // SQLite numbers plain values by their position in the text; the numbered ones come after those.
        let mut whole = String::with_capacity(text.len() + 1024);
        let mut values = Vec::new();
        for (at, part) in text.split(MARK).enumerate() {
            let table = part.parse::<usize>().ok().filter(|_| at % 2 == 1);
            match table.and_then(|number| self.tables.get(number)) {
                Some(table) => {
                    let begin = whole.len();
                    table.write(&mut whole);
                    values.extend(table.cells(&whole[begin..]));
                }
                None => whole.push_str(part),
            }
        }
        let text = renumbered(&whole, values.len());
        values.extend(self.values);
        Statement::from_sql_and_values(self.backend, text, values)
    }

    /// Runs a query and returns its rows.
    pub async fn all<C: ConnectionTrait>(self, db: &C, text: String) -> Result<Vec<QueryResult>, DbErr> {
        db.query_all_raw(self.statement(text)).await
    }

    /// Runs a statement and returns how many rows it changed.
    pub async fn run<C: ConnectionTrait>(self, db: &C, text: String) -> Result<u64, DbErr> {
        Ok(db.execute_raw(self.statement(text)).await?.rows_affected())
    }
}

/// Raises the numbers of `$1`, `$2` ... by `by`.
fn renumbered(text: &str, by: usize) -> String {
    let mut parts = text.split('$');
    let mut renumbered = String::with_capacity(text.len() + 64);
    renumbered.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        renumbered.push('$');
        match number.parse::<usize>() {
            Ok(number) => renumbered.push_str(&(number + by).to_string()),
            Err(_) => renumbered.push_str(number),
        }
        renumbered.push_str(rest);
    }
    renumbered
}

/// Formats numbers and texts as an array literal of PostgreSQL.
fn array<'a>(values: impl Iterator<Item = &'a Json>) -> String {
    let mut text = String::from("{");
    for value in values {
        if text.len() > 1 {
            text.push(',');
        }
        match value {
            Json::String(string) => {
                text.push('"');
                for letter in string.chars() {
                    if matches!(letter, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(letter);
                }
                text.push('"');
            }
            Json::Null => text.push_str("NULL"),
            other => text.push_str(&other.to_string()),
        }
    }
    text.push('}');
    text
}

/// Converts a value to the form in which SQLite stores it.
fn cell(value: Option<Json>, kind: Kind) -> Value {
    let value = value.unwrap_or_default();
    match kind {
        Kind::Id => value.as_str().and_then(|text| Uuid::try_parse(text).ok()).into(),
        Kind::Number => value.as_i64().into(),
        Kind::Text | Kind::Time => match value {
            Json::String(text) => text.into(),
            _ => Value::String(None),
        },
    }
}

/// Formats a time so that both databases read it from JSON, and as SQLite stores it.
pub fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(count: usize) -> Statement {
        let mut binds = Binds { backend: DbBackend::Sqlite, values: Vec::new(), tables: Vec::new() };
        let first = binds.bind(7);
        let row = |n: usize| json!({ "job": Uuid::from_u128(n as u128).simple().to_string(), "token": 1 });
        let rows = binds.rows((0..count).map(row).collect(), &[("job", Kind::Id), ("token", Kind::Number)]);
        binds.statement(format!("SELECT job, token, {first} AS seven FROM {rows} AS jobs"))
    }

    #[test]
    fn the_text_is_the_same_for_so_many_rows_and_a_few_more() {
        for (some, more) in [(2, 4), (17, 64), (257, 512)] {
            assert_eq!(table(some).sql, table(more).sql);
            assert_ne!(table(more).sql, table(more + 1).sql);
        }
    }

    #[test]
    fn however_many_rows_sqlite_can_take_the_values() {
        for count in [0, 1, 3, 600, 5_000, 5_001, 20_000] {
            let values = table(count).values.map_or(0, |values| values.0.len());
            assert!(values > 1 && values < 32_766, "{count} rows are {values} values");
        }
    }
}
