//! Pages of large tables. What indexes select is read as far as the page goes. What they do not select is looked for in a
//! window of so many rows, so that the time of a page has a bound; a page may then have fewer entries than it could, and
//! a position at which the next one goes on.

use sea_orm::{ConnectionTrait, DbErr, Value};
use syncline_sql::statement;

use crate::filter::rows::Condition;

/// Rows that are looked through for one page.
const WINDOW: u64 = 2_000;

/// Rows that are looked through first, for each entry of a page.
const FIRST: u64 = 2;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    First,
    /// After the entry with this id, in the order of the list.
    After(i64),
    /// After so many entries. The time grows with the number, so callers bound it.
    Skip(u64),
}

/// Ids of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    pub ids: Vec<i64>,
    /// The id after which the next page begins; none at the end.
    pub next: Option<i64>,
}

/// A join to the rows of a window, `w`, that keeps each of them once.
#[derive(Debug, Clone, Copy)]
pub struct Join<'a> {
    pub sql: &'a str,
    /// The columns that it adds, whose names the window does not have.
    pub columns: &'a str,
}

/// A list of rows of one table, in order of their ids.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    /// The table. Its key is `id`.
    pub from: &'a str,
    /// The columns, other than the id, that [`Scan::join`] and [`Scan::also`] name.
    pub columns: &'a [&'a str],
    /// What [`Scan::also`] needs beside the columns.
    pub join: Option<Join<'a>>,
    /// From the largest id to the smallest.
    pub falling: bool,
    /// What indexes select.
    pub narrow: Condition,
    /// Conditions without values, of which each row has exactly one. With them an index serves that has their column
    /// before the id; none: the narrow condition alone is enough for an index.
    pub branches: &'a [&'a str],
    /// What else must hold, in terms of the columns and the joins.
    pub also: Condition,
    pub start: Start,
    pub limit: u64,
}

impl Scan<'_> {
    /// Reads the ids of a page.
    pub async fn ids(&self, db: &impl ConnectionTrait) -> Result<Ids, DbErr> {
        let filtered = !self.also.sql.is_empty();
        let skip = match self.start {
            Start::Skip(skip) => skip,
            Start::First | Start::After(_) => 0,
        };
        let wanted = self.limit + 1;
        // A small window first: most conditions are met by nearly all rows. Far from the beginning it would save little.
        let small = wanted.saturating_mul(FIRST);
        let mut ids = match filtered {
            false => self.look(db, wanted, skip).await?,
            true if small.saturating_add(skip) < WINDOW => self.look(db, small, skip).await?,
            true => Vec::new(),
        };
        if filtered && number(&ids) < wanted {
            ids = self.look(db, WINDOW, skip).await?;
        }
        if number(&ids) == wanted {
            ids.pop();
            return Ok(Ids { next: ids.last().copied(), ids });
        }
        // The window may have ended before the table.
        let next = if filtered { self.end_of_window(db, skip).await? } else { None };
        Ok(Ids { ids, next })
    }

    /// The ids of a page, and one more, among so many rows after those that are skipped.
    async fn look(&self, db: &impl ConnectionTrait, window: u64, skip: u64) -> Result<Vec<i64>, DbErr> {
        let (also, most, wanted) = (&self.also, window + skip, self.limit + 1);
        let columns: String = match also.sql.is_empty() {
            true => String::new(),
            false => self.columns.iter().map(|column| format!(", {column}")).collect(),
        };
        let (mut rows, mut values) = self.rows(&columns, most);
        let mut holds = String::new();
        if !also.sql.is_empty() {
            if let Some(Join { sql, columns }) = self.join {
                // The limit keeps conditions from being looked for in all of the joined table.
                rows = format!("SELECT w.*, {columns} FROM ({rows}) w {sql} LIMIT {most}");
            }
            holds = format!(" WHERE {}", also.sql);
            values.extend(also.values.iter().cloned());
        }
        let order = self.order("w.id");
        let sql =
            format!("SELECT w.id AS id FROM ({rows}) w{holds} ORDER BY {order} LIMIT {wanted} OFFSET {skip}");
        let rows = db.query_all_raw(statement(db.get_database_backend(), &sql, values)).await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    fn order(&self, id: &str) -> String {
        format!("{id}{}", if self.falling { " DESC" } else { "" })
    }

    /// The first rows that indexes select, and the values of the statement.
    fn rows(&self, columns: &str, limit: u64) -> (String, Vec<Value>) {
        let Scan { from, narrow, branches, .. } = self;
        let mut values = narrow.values.clone();
        let after = match (self.start, self.falling) {
            (Start::After(_), true) => "id < ?",
            (Start::After(_), false) => "id > ?",
            (Start::First | Start::Skip(_), _) => "",
        };
        if let Start::After(id) = self.start {
            values.push(id.into());
        }
        let order = self.order("id");
        let of = |branch: &str| {
            let conditions: Vec<&str> =
                [branch, narrow.sql.as_str(), after].into_iter().filter(|sql| !sql.is_empty()).collect();
            let conditions = match conditions.is_empty() {
                true => String::new(),
                false => format!(" WHERE {}", conditions.join(" AND ")),
            };
            format!("SELECT id{columns} FROM {from}{conditions} ORDER BY {order} LIMIT {limit}")
        };
        // An index alone answers for ids, and not for other columns.
        if branches.is_empty() || !columns.is_empty() {
            return (of(""), values);
        }
        let parts: Vec<String> =
            branches.iter().map(|branch| format!("SELECT * FROM ({}) b", of(branch))).collect();
        let sql = format!(
            "SELECT id{columns} FROM ({}) u ORDER BY {order} LIMIT {limit}",
            parts.join(" UNION ALL ")
        );
        let count = values.len() * branches.len();
        (sql, values.into_iter().cycle().take(count).collect())
    }

    /// The last id of a window that is full.
    async fn end_of_window(&self, db: &impl ConnectionTrait, skip: u64) -> Result<Option<i64>, DbErr> {
        let (rows, values) = self.rows("", WINDOW + skip);
        let last = WINDOW + skip - 1;
        let sql = format!(
            "SELECT w.id AS id FROM ({rows}) w ORDER BY {} LIMIT 1 OFFSET {last}",
            self.order("w.id")
        );
        let row = db.query_one_raw(statement(db.get_database_backend(), &sql, values)).await?;
        row.map(|row| row.try_get("", "id")).transpose()
    }
}

fn number(ids: &[i64]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}
