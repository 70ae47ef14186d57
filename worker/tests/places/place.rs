//! A place as it really is: a file, or a table of a SQLite file or of PostgreSQL.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::Result;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Executor, PgPool, SqlitePool, raw_sql};

use crate::{
    columns::quoted,
    meaning::{Meaning, Sort},
    pair::{Kind, Layout, Role},
    snapshot::{Cell, Snapshot},
    splitter::{self, Split},
};

/// Where it is.
#[derive(Clone)]
pub(crate) enum At {
    File(PathBuf),
    Sqlite(PathBuf, SqlitePool),
    Postgres(String, PgPool),
}

/// A place that was made.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) layout: Layout,
    pub(crate) at: At,
    pub(crate) table: String,
}

/// The connector waits for a file that was written a moment ago and ends within a row; these files are complete.
const AGE: Duration = Duration::from_secs(3600);

/// Writes a file as if that had been a while ago.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes)?;
    let file = std::fs::File::options().write(true).open(path)?;
    Ok(file.set_modified(SystemTime::now() - AGE)?)
}

impl Place {
    /// Sets the time of a file that a run has written back, so that the connector takes it for complete.
    pub(crate) fn settle(&self) -> Result<()> {
        if let At::File(path) = &self.at {
            std::fs::File::options().write(true).open(path)?.set_modified(SystemTime::now() - AGE)?;
        }
        Ok(())
    }

    /// What the document says of it.
    pub(crate) fn scope(&self) -> Json {
        let mut scope = match &self.at {
            At::File(path) => json!({ "path": path }),
            At::Sqlite(path, _) => {
                json!({ "url": format!("sqlite://{}", path.display()), "table": self.table })
            }
            At::Postgres(url, _) => json!({ "url": url, "table": self.table }),
        };
        let roles = [(Role::Key, "key"), (Role::Modified, "modified"), (Role::Marker, "marker")];
        for (role, key) in roles {
            if let Some(name) = self.layout.name(role) {
                scope[key] = json!(name);
            }
        }
        let file = &self.layout.file;
        if self.layout.kind == Kind::Csv && !file.names_delimiter && file.delimiter != b',' {
            scope["delimiter"] = json!(char::from(file.delimiter).to_string());
        }
        scope
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<u64> {
        let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
        Ok(match &self.at {
            At::File(_) => 0,
            At::Sqlite(_, pool) => pool.execute(sql).await?.rows_affected(),
            At::Postgres(_, pool) => pool.execute(sql).await?.rows_affected(),
        })
    }

    /// Puts a text into a cell behind the product's back; false if the place does not take it.
    pub(crate) async fn edit(&self, key: &str, column: usize, text: &str) -> Result<bool> {
        let At::File(path) = &self.at else {
            let value = self.literal(column, text);
            let (table, name, id) = (&self.table, self.quoted(column), self.quoted(self.key()));
            let key = self.key_literal(key);
            let sql = format!("UPDATE {} SET {name} = {value} WHERE {id} = {key}", quoted(table));
            return Ok(self.execute(&sql).await.is_ok());
        };
        let bytes = std::fs::read(path)?;
        let Some((split, record)) = self.record(&bytes, key) else { return Ok(false) };
        let position = self.first_cell(column);
        let row = &split.records[record];
        let wants = row.cells[position].starts_with(b"\"");
        let cell = splitter::cell(text, split.delimiter, wants);
        let place = row.places[position].clone();
        let bytes = [&bytes[..place.start], cell.as_bytes(), &bytes[place.end..]].concat();
        write_file(path, &bytes)?;
        Ok(true)
    }

    /// Takes a row away behind the product's back.
    pub(crate) async fn remove(&self, key: &str) -> Result<bool> {
        let At::File(path) = &self.at else {
            let (table, id, key) = (quoted(&self.table), self.quoted(self.key()), self.key_literal(key));
            return Ok(self.execute(&format!("DELETE FROM {table} WHERE {id} = {key}")).await.is_ok());
        };
        let bytes = std::fs::read(path)?;
        let Some((split, record)) = self.record(&bytes, key) else { return Ok(false) };
        let row = &split.records[record];
        let start = row.places.first().map_or(0, |place| place.start);
        let end = row.places.last().map_or(0, |place| place.end) + row.end.len();
        write_file(path, &[&bytes[..start], &bytes[end..]].concat())?;
        Ok(true)
    }

    fn record(&self, bytes: &[u8], key: &str) -> Option<(Split, usize)> {
        let split = splitter::split(bytes, self.layout.file.delimiter).ok()?;
        let cell = self.first_cell(self.key());
        let is = |record: &splitter::Record| !record.is_blank() && record.content(cell) == key;
        let record = split.records.iter().skip(1).position(is)? + 1;
        Some((split, record))
    }

    pub(crate) fn key(&self) -> usize {
        self.layout.position(Role::Key).unwrap_or_default()
    }

    /// Where the cells of a column begin in a file.
    pub(crate) fn first_cell(&self, column: usize) -> usize {
        self.layout.columns[..column].iter().map(|column| column.copies).sum()
    }

    pub(crate) fn quoted(&self, column: usize) -> String {
        quoted(&self.layout.columns[column].name)
    }

    fn key_literal(&self, key: &str) -> String {
        format!("'{}'", key.replace('\'', "''"))
    }

    /// A text as SQL writes it for a column.
    pub(crate) fn literal(&self, column: usize, text: &str) -> String {
        let column = &self.layout.columns[column];
        let escaped = format!("'{}'", text.replace('\'', "''"));
        let declared = column.declared.as_str();
        match (column.sort.read(text), self.layout.kind) {
            (Meaning::Nothing, _) if column.not_null && matches!(declared, "TEXT" | "text") => {
                "''".to_owned()
            }
            (Meaning::Nothing, _) => "NULL".to_owned(),
            (Meaning::Flag(flag), Kind::Sqlite) if declared != "TEXT" && column.sort == Sort::Flag => {
                u8::from(flag).to_string()
            }
            (Meaning::List(items), Kind::Postgres) if declared.ends_with("[]") => {
                let items: Vec<String> =
                    items.iter().map(|item| format!("'{}'", item.replace('\'', "''"))).collect();
                format!("ARRAY[{}]::{declared}", items.join(", "))
            }
            _ => escaped,
        }
    }

    /// What a cell says.
    pub(crate) fn meaning(&self, column: usize, cell: &Cell) -> Meaning {
        let column = &self.layout.columns[column];
        let meaning = match cell {
            Cell::Null => Meaning::Nothing,
            Cell::Whole(number) => column.sort.read(&number.to_string()),
            Cell::Real(bits) => column.sort.read(&f64::from_bits(*bits).to_string()),
            Cell::Text(text) => column.sort.read(text),
            Cell::Bytes(bytes) => Meaning::Text(format!("{bytes:?}")),
        };
        // PostgreSQL drops zeros at the end; the column's type says how exact its times are.
        match (meaning, column.declared.as_str()) {
            (Meaning::Moment(at, _), "timestamp" | "timestamptz") => Meaning::Moment(at, 1),
            (Meaning::Moment(at, _), "timestamp(3)") => Meaning::Moment(at, 1000),
            (meaning, _) => meaning,
        }
    }

    pub(crate) async fn look(&self) -> Result<Snapshot> {
        Snapshot::of(self).await
    }
}
