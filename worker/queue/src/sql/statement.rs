//! Statements under construction: text and the values it names.

use std::{fmt, time::Duration};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use crate::backend::LeaseRef;

/// Values bound so far. Both databases take `$1`, so one text serves both.
#[derive(Debug)]
pub(super) struct Binds {
    pub(super) backend: DbBackend,
    values: Vec<Value>,
}

/// The name of a bound value, to be written into the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound(usize);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}", self.0)
    }
}

impl Binds {
    pub(super) fn new<C: ConnectionTrait>(db: &C) -> Self {
        Self { backend: db.get_database_backend(), values: Vec::new() }
    }

    /// Binds a value and gives its name.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> Bound {
        self.values.push(value.into());
        Bound(self.values.len())
    }

    /// Binds values and gives their names between commas.
    pub(super) fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> String {
        let names: Vec<_> = values.into_iter().map(|value| self.bind(value).to_string()).collect();
        names.join(", ")
    }

    /// The condition that a row runs under one of these claims. The ids stand there twice so that both databases look
    /// them up by primary key.
    pub(super) fn held(&mut self, leases: impl IntoIterator<Item = LeaseRef>) -> String {
        let (mut ids, mut pairs) = (Vec::new(), Vec::new());
        for lease in leases {
            let id = self.bind(lease.id);
            pairs.push(format!("({id}, {})", self.bind(lease.token)));
            ids.push(id.to_string());
        }
        let (ids, pairs) = (ids.join(", "), pairs.join(", "));
        format!("id IN ({ids}) AND (id, claim_token) IN (VALUES {pairs}) AND state = 'running'")
    }

    /// The database's clock at the statement's start, one time for all its rows. A statement that waited for a lock
    /// thus grants no more than was asked for when it was sent. A scalar subquery, so that it can meet an index.
    pub(super) fn now(&self) -> &'static str {
        match self.backend {
            DbBackend::Postgres => "(SELECT (extract(epoch from statement_timestamp()) * 1000000)::bigint)",
            _ => "(SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER))",
        }
    }

    pub(super) fn statement(self, text: String) -> Statement {
        Statement::from_sql_and_values(self.backend, text, self.values)
    }

    pub(super) async fn all<C: ConnectionTrait>(
        self,
        db: &C,
        text: String,
    ) -> Result<Vec<QueryResult>, DbErr> {
        db.query_all_raw(self.statement(text)).await
    }

    /// Runs it and says how many rows it changed.
    pub(super) async fn run<C: ConnectionTrait>(self, db: &C, text: String) -> Result<u64, DbErr> {
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
