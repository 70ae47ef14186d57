//! Statements under construction: text and the values it names.
//!
//! Databases keep a prepared statement for as long as its text is the same. So what stands for many rows is one value, a
//! text of JSON that the database takes apart, and the text does not depend on how many rows there are.

use std::{fmt, time::Duration};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::backend::LeaseRef;

/// The row under `jobs` runs under the claim of a row of [`Binds::leases`], there called `held`.
///
/// What runs has a lease. To say so rather than `state = 'running'` keeps the planners from reading the index over running
/// jobs, which on PostgreSQL is full of those that have left since its last vacuum.
pub(super) const HELD: &str =
    "jobs.id = held.job AND jobs.claim_token = held.token AND jobs.lease_until IS NOT NULL";

/// What a column of [`Binds::rows`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A UUID, as a text of 32 digits in JSON.
    Id,
    /// A whole number.
    Number,
    /// Text.
    Text,
}

/// Values bound so far. Both databases take `$1`, so one text serves both.
#[derive(Debug)]
pub(crate) struct Binds {
    pub(crate) backend: DbBackend,
    values: Vec<Value>,
}

/// The name of a bound value, to be written into the text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound(usize);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Binds {
    pub(crate) fn new<C: ConnectionTrait>(db: &C) -> Self {
        Self { backend: db.get_database_backend(), values: Vec::new() }
    }

    /// Binds a value and gives its name.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> Bound {
        self.values.push(value.into());
        Bound(self.values.len())
    }

    /// Binds rows, each a JSON object, and gives the table they make, to stand in `FROM`. What a row leaves out is null.
    pub(super) fn rows(&mut self, rows: Vec<Json>, columns: &[(&str, Kind)]) -> String {
        let list = self.bind(Json::Array(rows).to_string());
        let postgres = self.backend == DbBackend::Postgres;
        let column = |(name, kind): &(&str, Kind)| match (postgres, kind) {
            (true, Kind::Id) => format!("{name} uuid"),
            (true, Kind::Number) => format!("{name} bigint"),
            (true, Kind::Text) => format!("{name} text"),
            (false, Kind::Id) => format!("unhex(json_extract(value, '$.{name}')) AS {name}"),
            (false, _) => format!("json_extract(value, '$.{name}') AS {name}"),
        };
        let columns = columns.iter().map(column).collect::<Vec<_>>().join(", ");
        match postgres {
            true => format!("(SELECT * FROM json_to_recordset(CAST({list} AS json)) AS one({columns}))"),
            false => format!("(SELECT {columns} FROM json_each({list}))"),
        }
    }

    /// The same for claims: the columns `job` and `token`.
    pub(super) fn leases(&mut self, leases: impl IntoIterator<Item = LeaseRef>) -> String {
        let row = |lease: LeaseRef| json!({ "job": lease.id.simple().to_string(), "token": lease.token });
        self.rows(leases.into_iter().map(row).collect(), &[("job", Kind::Id), ("token", Kind::Number)])
    }

    /// The same for ids: the column `job`.
    pub(super) fn ids(&mut self, ids: impl IntoIterator<Item = Uuid>) -> String {
        let row = |id: Uuid| json!({ "job": id.simple().to_string() });
        self.rows(ids.into_iter().map(row).collect(), &[("job", Kind::Id)])
    }

    /// A further condition by which PostgreSQL finds the rows of `held` under their ids, one by one. SQLite does so itself.
    pub(super) fn by_id(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => " AND jobs.id = ANY (ARRAY(SELECT job FROM held))",
            _ => "",
        }
    }

    /// A text column of [`Binds::rows`] that holds JSON, as the table keeps it.
    pub(super) fn json(&self, column: &str) -> String {
        match self.backend {
            DbBackend::Postgres => format!("CAST({column} AS jsonb)"),
            _ => column.to_owned(),
        }
    }

    /// The database's clock at the statement's start, one time for all its rows. A statement that waited for a lock
    /// thus grants no more than was asked for when it was sent. A scalar subquery, so that it can meet an index.
    pub(crate) fn now(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => "(SELECT (extract(epoch from statement_timestamp()) * 1000000)::bigint)",
            _ => "(SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
        }
    }

    pub(super) fn statement(self, text: String) -> Statement {
        Statement::from_sql_and_values(self.backend, text, self.values)
    }

    pub(crate) async fn all<C: ConnectionTrait>(
        self,
        db: &C,
        text: String,
    ) -> Result<Vec<QueryResult>, DbErr> {
        db.query_all_raw(self.statement(text)).await
    }

    /// Runs it and says how many rows it changed.
    pub(crate) async fn run<C: ConnectionTrait>(self, db: &C, text: String) -> Result<u64, DbErr> {
        Ok(db.execute_raw(self.statement(text)).await?.rows_affected())
    }
}

/// The longest time that is still told apart from for ever: ten years.
const FOREVER: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// A length of time as the table keeps it.
pub(super) fn micros(length: Duration) -> i64 {
    i64::try_from(length.min(FOREVER).as_micros()).unwrap_or(i64::MAX)
}

/// A length of time from the table; what lies in the past is nothing.
pub(super) fn length(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
