//! What a place holds at a moment, to the byte.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Row as _, TypeInfo, ValueRef, query};

use crate::{
    columns::quoted,
    pair::{Layout, Role},
    place::{At, Place},
    splitter::{self, Split},
};

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Whole(i64),
    /// The bits of a float.
    Real(u64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    pub(crate) fn text(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Whole(number) => number.to_string(),
            Cell::Real(bits) => f64::from_bits(*bits).to_string(),
            Cell::Text(text) => text.clone(),
            Cell::Bytes(bytes) => format!("{bytes:?}"),
        }
    }
}

/// A row, cell by cell in the order of the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) tag: String,
    pub(crate) cells: Vec<Cell>,
}

/// What a place holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) rows: Vec<Seen>,
    /// A file's bytes, and how they split.
    pub(crate) file: Option<(Vec<u8>, Split)>,
    /// Rows of the tables that triggers and views write to.
    beside: Vec<Vec<Cell>>,
}

impl Snapshot {
    pub(crate) async fn of(place: &Place) -> Result<Snapshot> {
        let (rows, file, beside) = match &place.at {
            At::File(path) => {
                let bytes = std::fs::read(path)?;
                let split =
                    splitter::split(&bytes, place.layout.file.delimiter).map_err(anyhow::Error::msg)?;
                (file_rows(&place.layout, &split)?, Some((bytes, split)), Vec::new())
            }
            _ => {
                let table = quoted(&place.table);
                let names: Vec<String> =
                    (0..place.layout.columns.len()).map(|column| as_text(place, column)).collect();
                let order = place.quoted(place.key());
                let rows =
                    cells(place, &format!("SELECT {} FROM {table} ORDER BY {order}", names.join(", ")))
                        .await?;
                let rows = rows.into_iter().map(|row| seen(&place.layout, row)).collect();
                let mut beside = Vec::new();
                if place.layout.table.trigger.is_some() || place.layout.table.view {
                    let other = quoted(&format!("{}_beside", place.table));
                    beside = cells(place, &format!("SELECT * FROM {other} ORDER BY 1")).await?;
                }
                (rows, None, beside)
            }
        };
        Ok(Snapshot { rows, file, beside })
    }

    pub(crate) fn row(&self, key: &str) -> Option<&Seen> {
        self.rows.iter().find(|row| row.key == key)
    }

    pub(crate) fn tagged(&self, tag: &str) -> Option<&Seen> {
        self.rows.iter().find(|row| row.tag == tag)
    }
}

/// PostgreSQL is asked for text, which tells each value of a type from every other.
fn as_text(place: &Place, column: usize) -> String {
    let name = place.quoted(column);
    match &place.at {
        At::Postgres(..) if place.layout.columns[column].declared.ends_with("[]") => {
            format!("array_to_json({name})::text")
        }
        At::Postgres(..) => format!("{name}::text"),
        _ => name,
    }
}

async fn cells(place: &Place, sql: &str) -> Result<Vec<Vec<Cell>>> {
    let sql = AssertSqlSafe(sql.to_owned());
    match &place.at {
        At::Sqlite(_, pool) => {
            let rows = query(sql).fetch_all(pool).await?;
            rows.iter()
                .map(|row| (0..row.len()).map(|position| sqlite_cell(row, position)).collect())
                .collect()
        }
        At::Postgres(_, pool) => {
            let rows = query(sql).fetch_all(pool).await?;
            let cell = |row: &sqlx::postgres::PgRow, position| -> Result<Cell> {
                Ok(row.try_get::<Option<String>, _>(position)?.map_or(Cell::Null, Cell::Text))
            };
            rows.iter().map(|row| (0..row.len()).map(|position| cell(row, position)).collect()).collect()
        }
        At::File(_) => Ok(Vec::new()),
    }
}

fn sqlite_cell(row: &sqlx::sqlite::SqliteRow, position: usize) -> Result<Cell> {
    let value = row.try_get_raw(position)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let class = value.type_info().name().to_owned();
    Ok(match class.as_str() {
        "INTEGER" => Cell::Whole(row.try_get_unchecked(position)?),
        "REAL" => Cell::Real(row.try_get_unchecked::<f64, _>(position)?.to_bits()),
        "BLOB" => Cell::Bytes(row.try_get_unchecked(position)?),
        _ => Cell::Text(row.try_get_unchecked(position)?),
    })
}

fn seen(layout: &Layout, cells: Vec<Cell>) -> Seen {
    let text = |role| layout.position(role).map(|position| cells[position].text()).unwrap_or_default();
    Seen { key: text(Role::Key), tag: text(Role::Tag), cells }
}

fn file_rows(layout: &Layout, split: &Split) -> Result<Vec<Seen>> {
    let width: usize = layout.columns.iter().map(|column| column.copies).sum();
    let mut rows = Vec::new();
    for record in split.records.iter().skip(1).filter(|record| !record.is_blank()) {
        anyhow::ensure!(
            record.cells.len() == width,
            "a row of {} cells under {width} names",
            record.cells.len()
        );
        let mut position = 0;
        let mut cells = Vec::with_capacity(layout.columns.len());
        for column in &layout.columns {
            let contents: Vec<String> =
                (position..position + column.copies).map(|cell| record.content(cell)).collect();
            position += column.copies;
            cells.push(if column.copies == 1 { text_cell(&contents[0]) } else { list_cell(&contents)? });
        }
        rows.push(seen(layout, cells));
    }
    Ok(rows)
}

fn text_cell(content: &str) -> Cell {
    if content.is_empty() { Cell::Null } else { Cell::Text(content.to_owned()) }
}

/// The columns of one name are one list.
fn list_cell(contents: &[String]) -> Result<Cell> {
    let filled: Vec<&String> = contents.iter().filter(|content| !content.is_empty()).collect();
    if filled.is_empty() {
        return Ok(Cell::Null);
    }
    Ok(Cell::Text(serde_json::to_string(&filled).context("a list of texts")?))
}
