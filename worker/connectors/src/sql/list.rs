//! Lists a table page by page.
//!
//! A full listing walks the keys (`WHERE key > last ORDER BY key`): each page is one cheap statement however large the
//! table is, and no transaction stays open between pages. Only the database compares keys, so any collation works. An
//! incremental listing reads the rows without a time, which are read every time, and then walks (modified, key) from a
//! little before the last high water.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use syncline_engine::{
    Item,
    ports::{Call, ConnectorError, Cursor, Listing, ListingEnd, Meter},
    value::{Instant, Precision},
};

use super::{
    OVERLAP, PAGE,
    column::{Column, Kind},
    convert::instant_of,
    db::{Db, Dialect, Raw, weight},
    packed,
    table::{Statement, Table, quoted},
};
use crate::stamp::Stamp;

/// Rows of the first page, which shows how large the rows are.
const FIRST_PAGE: usize = 64;
/// Approximate most bytes of a page.
const PAGE_BYTES: usize = 4 << 20;

pub(super) struct TableListing {
    db: Db,
    table: Arc<Table>,
    phase: Phase,
    complete: bool,
    high_water: Option<DateTime<Utc>>,
    /// Rows of the next page.
    limit: usize,
    /// Whether the next page is read packed.
    packs: bool,
}

/// The next rows to read, from after `last`.
enum Phase {
    /// All rows, by key.
    All {
        last: Option<Last>,
    },
    /// Rows without a time, by key.
    Untimed {
        since: DateTime<Utc>,
        last: Option<Last>,
    },
    /// Rows changed since a time, by time and key.
    Timed {
        since: DateTime<Utc>,
        last: Option<Last>,
    },
    Ended,
}

impl TableListing {
    /// Lists every row. Takes the high water before the first page, so that the next incremental listing finds a row
    /// that changes after this listing has passed it.
    pub(super) async fn full(db: Db, table: Arc<Table>, meter: &Meter) -> Result<Self, ConnectorError> {
        let mut listing = Self::new(db, table, Phase::All { last: None });
        listing.refuse_rows_without_key(meter).await?;
        if let Some(position) = listing.table.modified {
            let max = high_water_sql(&listing.table, position);
            let rows = listing.rows(max, &[], meter).await?;
            let newest = rows.first().and_then(|row| instant_of(&row[0]));
            listing.raise(newest);
        }
        Ok(listing)
    }

    /// Lists the rows changed since an earlier listing.
    pub(super) fn since(db: Db, table: Arc<Table>, cursor: &Cursor) -> Result<Self, ConnectorError> {
        let stored = cursor.get("modified").and_then(Json::as_str).and_then(Instant::parse);
        let Some(stored) = stored else {
            let label = &table.label;
            return Err(ConnectorError::permanent(format!(
                "{label}: the stored cursor {cursor} is not usable"
            )));
        };
        let since = stored.at - OVERLAP;
        let mut listing = Self::new(db, table, Phase::Untimed { since, last: None });
        listing.high_water = Some(stored.at);
        Ok(listing)
    }

    fn new(db: Db, table: Arc<Table>, phase: Phase) -> Self {
        let packs = packed::suits(&table);
        Self { db, table, phase, complete: false, high_water: None, limit: FIRST_PAGE, packs }
    }

    async fn rows(
        &self,
        sql: String,
        arguments: &[Raw],
        meter: &Meter,
    ) -> Result<Vec<Vec<Raw>>, ConnectorError> {
        meter.count();
        self.db.rows(sql, arguments).await
    }

    /// A row without a key could not be linked, or distinguished from a deleted one.
    async fn refuse_rows_without_key(&self, meter: &Meter) -> Result<(), ConnectorError> {
        if !self.table.key_nullable {
            return Ok(());
        }
        let key = &self.table.key().name;
        let sql = format!("SELECT '1' FROM {} WHERE {} IS NULL LIMIT 1", self.table.name, quoted(key));
        let message = format!("{}: a row has no {key:?}; every row needs an id of its own", self.table.label);
        if self.rows(sql, &[], meter).await?.is_empty() {
            Ok(())
        } else {
            Err(ConnectorError::permanent(message))
        }
    }

    /// Caps times at the present: one row dated 9999 would end all incremental reading.
    fn raise(&mut self, seen: Option<Instant>) {
        let seen = seen.map(|instant| instant.at.min(Utc::now()));
        self.high_water = self.high_water.max(seen);
    }

    /// One page of the current phase; reads an extra row to know whether another page follows. A page of large rows ends
    /// early, and then another one may follow that is empty.
    async fn page(
        &mut self,
        statement: (String, Vec<Raw>),
        last: Option<&Last>,
        meter: &Meter,
    ) -> Result<Page, ConnectorError> {
        meter.count();
        let (mut raws, cut) = self.read(statement).await?;
        let more = raws.len() > self.limit || cut;
        raws.truncate(self.limit);
        let mut next = None;
        if let Some(raw) = raws.last().filter(|_| more) {
            next = Some(Last { id: self.table.id_of(raw)?, raw: raw.clone() });
        }
        let mut items: Vec<Item> = Vec::with_capacity(raws.len());
        for raw in raws {
            let item = self.table.listed(raw)?;
            let before = items.last().map(|item| &item.id).or(last.map(|last| &last.id));
            if before == Some(&item.id) {
                // Only views get here: a table's key is known to be unique.
                let message = format!("{}: two rows have the id {:?}", self.table.label, item.id);
                return Err(ConnectorError::permanent(message));
            }
            items.push(item);
        }
        let largest = items.iter().map(Item::weight).max().unwrap_or(0).max(1);
        self.limit = (self.limit * 8).min(PAGE).min(PAGE_BYTES / largest).max(1);
        Ok(Page { last: next, items })
    }

    /// The rows of a page, and whether they are fewer than the statement has because of their size.
    async fn read(&mut self, statement: (String, Vec<Raw>)) -> Result<(Vec<Vec<Raw>>, bool), ConnectorError> {
        if self.packs {
            let sql = packed::statement(&self.table, &statement.0, PAGE_BYTES / self.limit);
            let row = self.db.rows(sql, &statement.1).await?;
            match packed::rows(&self.table, &row) {
                Some(rows) => return Ok((rows, false)),
                None => self.packs = false,
            }
        }
        let raws = self.db.rows_within(PAGE_BYTES, statement.0, &statement.1).await?;
        let cut = raws.len() <= self.limit && raws.iter().map(|raw| weight(raw)).sum::<usize>() > PAGE_BYTES;
        Ok((raws, cut))
    }
}

struct Page {
    items: Vec<Item>,
    /// The last row, if more rows follow.
    last: Option<Last>,
}

/// The last row of a page.
#[derive(Clone)]
struct Last {
    id: String,
    raw: Vec<Raw>,
}

#[async_trait]
impl Listing for TableListing {
    async fn next_page(&mut self, call: &Call<'_>) -> Result<Option<Vec<Item>>, ConnectorError> {
        let table = self.table.clone();
        // Any failure below ends the listing, incomplete.
        let (page, next) = match std::mem::replace(&mut self.phase, Phase::Ended) {
            Phase::Ended => return Ok(None),
            Phase::All { last } => {
                let page = self
                    .page(by_key(&table, None, last.as_ref(), self.limit), last.as_ref(), call.meter)
                    .await?;
                self.complete = page.last.is_none();
                let next = page.last.clone().map_or(Phase::Ended, |last| Phase::All { last: Some(last) });
                (page, next)
            }
            Phase::Untimed { since, last } => {
                let page = self
                    .page(
                        by_key(&table, table.modified, last.as_ref(), self.limit),
                        last.as_ref(),
                        call.meter,
                    )
                    .await?;
                let next = match page.last.clone() {
                    Some(last) => Phase::Untimed { since, last: Some(last) },
                    None => Phase::Timed { since, last: None },
                };
                (page, next)
            }
            Phase::Timed { since, last } => {
                let page = self
                    .page(by_time(&table, since, last.as_ref(), self.limit), last.as_ref(), call.meter)
                    .await?;
                for item in &page.items {
                    self.raise(item.modified);
                }
                let next =
                    page.last.clone().map_or(Phase::Ended, |last| Phase::Timed { since, last: Some(last) });
                (page, next)
            }
        };
        self.phase = next;
        Ok(Some(page.items))
    }

    fn end(&self) -> ListingEnd {
        let cursor = self
            .high_water
            .filter(|_| matches!(self.phase, Phase::Ended))
            .map(|at| json!({ "modified": Instant::new(at, Precision::Micro).to_text() }));
        ListingEnd { complete: self.complete, cursor }
    }
}

/// Rows by key, all of them or those whose `untimed` column is null.
fn by_key(table: &Table, untimed: Option<usize>, last: Option<&Last>, limit: usize) -> (String, Vec<Raw>) {
    let key = format!("t.{}", quoted(&table.key().name));
    let mut statement = table.select_listed();
    statement.push(&format!(" WHERE {key} IS NOT NULL"));
    if let Some(position) = untimed {
        statement.push(&format!(" AND t.{} IS NULL", quoted(&table.columns[position].name)));
    }
    if let Some(last) = last {
        statement.push(&format!(" AND {key} > ")).argument(table.key, last.raw[table.key].clone());
    }
    statement.push(&format!(" ORDER BY {key} LIMIT {}", limit + 1));
    (statement.sql, statement.arguments)
}

/// Rows changed since a time, by time and key.
fn by_time(table: &Table, since: DateTime<Utc>, last: Option<&Last>, limit: usize) -> (String, Vec<Raw>) {
    let Some(position) = table.modified else { return by_key(table, None, last, limit) };
    let (key, time) = (format!("t.{}", quoted(&table.key().name)), ordered(table, position));
    let mut statement = table.select_listed();
    statement.push(&format!(" WHERE {key} IS NOT NULL AND "));
    not_before(&mut statement, &table.columns[position], position, &time, since, table.dialect);
    if let Some(last) = last {
        statement.push(&format!(" AND ({time}, {key}) > ("));
        statement.argument(position, last.raw[position].clone()).push(", ");
        statement.argument(table.key, last.raw[table.key].clone()).push(")");
    }
    statement.push(&format!(" ORDER BY {time}, {key} LIMIT {}", limit + 1));
    (statement.sql, statement.arguments)
}

/// The expression that orders a time column: text times byte by byte, regardless of the database's locale.
fn ordered(table: &Table, position: usize) -> String {
    let column = &table.columns[position];
    let name = format!("t.{}", quoted(&column.name));
    if table.dialect == Dialect::Postgres && column.kind == Kind::Text {
        format!("{name} COLLATE \"C\"")
    } else {
        name
    }
}

fn high_water_sql(table: &Table, position: usize) -> String {
    let cast = if table.dialect == Dialect::Postgres { "::text" } else { "" };
    format!("SELECT max({}){cast} FROM {} AS t", ordered(table, position), table.name)
}

/// `time >= since`, in the column's own form.
fn not_before(
    statement: &mut Statement<'_>,
    column: &Column,
    position: usize,
    time: &str,
    since: DateTime<Utc>,
    dialect: Dialect,
) {
    statement.push(&format!("{time} >= "));
    let instant = Instant::new(since, Precision::Micro);
    let typed = dialect == Dialect::Postgres && matches!(column.kind, Kind::DateTime(_) | Kind::Date);
    let number = matches!(column.stamp, Some(Stamp::Seconds | Stamp::Millis))
        || (column.stamp.is_none() && matches!(column.kind, Kind::Int));
    if typed {
        statement.argument(position, Raw::Text(instant.to_text()));
    } else if number {
        statement.argument(position, column.time(instant, dialect));
    } else {
        // Times as text may differ in form from row to row (a space or a T, a zone or none), and a space sorts before a
        // T: only dates compare safely as text, with a day of margin for all zones. SQLite then compares exactly.
        let date = since.date_naive() - chrono::Days::new(1);
        statement.argument(position, Raw::Text(date.to_string()));
        if dialect == Dialect::Sqlite {
            statement.push(&format!(" AND coalesce(julianday({time}) >= julianday("));
            statement.argument(position, Raw::Text(instant.to_text())).push("), 1)");
        }
    }
}
