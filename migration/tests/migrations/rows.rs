//! Generates rows for the tables of the schema, so that tests cover a later table without an edit here.

use std::collections::BTreeMap;

use crate::schema::{self, Column, Kind, Table};
use crate::support::{On, TestDatabase};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Every column set, with texts that are hard to store.
    Full,
    /// Null or empty wherever that is allowed.
    Sparse,
}

pub(crate) use Shape::{Full, Sparse};

/// Columns that a CHECK ties to others or to numbers: their values in a full and a sparse row, with `{n}` for the row's
/// number. Closed sets of texts need no line, because they are read from the schema.
const TIED: &[(&str, &str, &str, &str)] = &[
    ("accounts", "secret_ref", "NULL", "NULL"),
    ("sync_metadata", "entity_id", "'E-{n} 😀'", "'E-{n}'"),
    ("sync_history", "priority", "3", "0"),
    ("jobs", "priority", "3", "0"),
];

/// A row to insert: SQL literals by column. Leaves out columns that the database numbers.
pub(crate) type Row = BTreeMap<String, String>;

pub(crate) async fn row(test: &TestDatabase, table: &Table, shape: Shape, number: u32) -> Row {
    let mut row = Row::new();
    for column in table.columns.iter().filter(|column| !column.counted) {
        let tied = TIED.iter().find(|(of, name, ..)| (*of, *name) == (&table.name, &column.name));
        let reference = table.references.iter().find(|reference| reference.column == column.name);
        let literal = match (tied, reference) {
            (Some((.., full, sparse)), _) => {
                if shape == Full { full } else { sparse }.replace("{n}", &number.to_string())
            }
            (None, _) if shape == Sparse && column.nullable => "NULL".to_owned(),
            (None, Some(to)) => parent(test, &to.to_table, &to.to_column, shape).await,
            (None, None) => literal(test.on, table, column, shape, number),
        };
        row.insert(column.name.clone(), literal);
    }
    row
}

/// Returns a value that the referenced table has: the last for a full row, the one before it for a sparse one, so that
/// both rows of an insert have a parent of their own. A table that refers to itself may have none yet.
async fn parent(test: &TestDatabase, table: &str, column: &str, shape: Shape) -> String {
    let value = match test.on {
        On::Sqlite => format!("quote({column})"),
        On::Postgres => format!("quote_literal(CAST({column} AS text))"),
    };
    let before = if shape == Full { 0 } else { 1 };
    let query = format!("SELECT {value} FROM {table} ORDER BY {column} DESC LIMIT 1 OFFSET {before}");
    let found = test.values(&query).await;
    found.concat().pop().flatten().unwrap_or_else(|| "NULL".to_owned())
}

fn literal(on: On, table: &Table, column: &Column, shape: Shape, number: u32) -> String {
    let closed = table.checks.iter().find(|check| check.columns == [column.name.as_str()]);
    if let Some(value) = closed.and_then(|check| match shape {
        Full => check.values.last(),
        Sparse => check.values.first(),
    }) {
        return format!("'{value}'");
    }
    let full = shape == Full;
    match &column.kind {
        Kind::Bool => if full { "TRUE" } else { "FALSE" }.to_owned(),
        Kind::Small => (if full { 32_000 } else { 0 } + number % 700).to_string(),
        Kind::Int => (if full { 2_147_000_000 } else { 0 } + number).to_string(),
        // More than a float stores exactly.
        Kind::Big => (if full { 9_007_199_254_740_993 } else { 0 } + u64::from(number)).to_string(),
        Kind::Float => format!("{number}{}", if full { ".1e-300" } else { ".5" }),
        Kind::Text if full => format!(
            "'#{number} O''Brien \"says\" \\ `hi`; -- 😀𝄞é\u{301}\u{202e}\r\n\tof {}.{} '",
            table.name, column.name
        ),
        Kind::Text if table.in_unique_key(&column.name) => format!("'#{number}'"),
        Kind::Text => "''".to_owned(),
        Kind::Bytes => match on {
            On::Sqlite => format!("X'00ff27{number:06x}'"),
            On::Postgres => format!("'\\x00ff27{number:06x}'"),
        },
        Kind::Time if full => format!("'2025-12-31T23:59:59.{number:06}+00:00'"),
        Kind::Time => format!("'1969-12-31T23:59:59.{:06}+00:00'", 999_999 - number),
        Kind::Json if full => {
            format!(r#"'{{"n":{number},"text":"O''Brien \"says\" 😀\n\\","":[null,1.50,-0.0,{{}}]}}'"#)
        }
        Kind::Json => "'{}'".to_owned(),
        Kind::Uuid => match on {
            On::Sqlite => format!("X'0190a1b2c3d47e5f8a9b0c1d{number:08x}'"),
            On::Postgres => format!("'0190a1b2c3d47e5f8a9b0c1d{number:08x}'"),
        },
        Kind::Other(kind) => panic!(
            "{}.{} is of the type {kind}: add it to `Kind` in migration/tests/migrations/schema/mod.rs and here",
            table.name, column.name
        ),
    }
}

pub(crate) fn insert(table: &str, row: &Row) -> String {
    let columns: Vec<&str> = row.keys().map(String::as_str).collect();
    let values: Vec<&str> = row.values().map(String::as_str).collect();
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))
}

/// Inserts a sparse and a full row into every table, for the `time`th time.
pub(crate) async fn fill(test: &TestDatabase, time: u32) {
    for table in schema::parents_first(schema::tables(test).await) {
        for (shape, number) in [(Sparse, 2 * time), (Full, 2 * time + 1)] {
            let statement = insert(&table.name, &row(test, &table, shape, number).await);
            if let Err(error) = test.try_run(&statement).await {
                panic!(
                    "{error}\n{statement}\nIf a CHECK of {} refuses the row, say what it takes in `TIED` in \
                     migration/tests/migrations/rows.rs.",
                    table.name
                );
            }
        }
    }
}

/// Every row of some columns, byte for byte.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) table: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// Returns every row of every table, except counts of other tables' rows, which `count_living_links` recomputes.
pub(crate) async fn dump(test: &TestDatabase) -> Vec<Dump> {
    let mut dumps = Vec::new();
    for table in schema::tables(test).await.into_iter().filter(|table| table.name != "sync_link_counts") {
        let columns = table.columns.into_iter().map(|column| column.name).collect();
        dumps.push(dump_columns(test, table.name, columns).await);
    }
    dumps
}

pub(crate) async fn dump_columns(test: &TestDatabase, table: String, columns: Vec<String>) -> Dump {
    let exact = |column: &String| match test.on {
        // Texts as bytes: they may contain a null character, or be no UTF-8.
        On::Sqlite => format!(
            "CASE typeof(\"{column}\") WHEN 'text' THEN 'text ' || hex(CAST(\"{column}\" AS BLOB)) \
             ELSE quote(\"{column}\") END"
        ),
        On::Postgres => format!("CAST(\"{column}\" AS text)"),
    };
    let list: Vec<String> = columns.iter().map(exact).collect();
    let mut rows = test.values(&format!("SELECT {} FROM {table}", list.join(", "))).await;
    for value in rows.iter_mut().flatten().flatten() {
        if let Some(readable) = value.strip_prefix("text ").and_then(readable) {
            *value = readable;
        }
    }
    rows.sort();
    Dump { table, columns, rows }
}

/// Returns the text of the bytes in hex, if they are text.
fn readable(hex: &str) -> Option<String> {
    let digit = |digit: u8| if digit < b'A' { digit - b'0' } else { digit - b'A' + 10 };
    let bytes = hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    String::from_utf8(bytes).ok().map(|text| format!("'{text}'"))
}
