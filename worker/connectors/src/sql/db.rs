//! Runs statements and returns rows, in one form for both databases.
//!
//! PostgreSQL receives and returns text, which the statements cast: one way of reading and writing covers every type.
//! SQLite's values keep their storage class.

use std::{future::Future, time::Duration};

use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Postgres, Row as _, Sqlite, SqliteConnection,
    SqlitePool, Transaction, TypeInfo, ValueRef,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use syncline_engine::ports::ConnectorError;

use super::{
    error::{Fault, fault},
    scope::Target,
};

const BUSY: Duration = Duration::from_secs(5);
const ACQUIRE: Duration = Duration::from_secs(10);

/// SQLite's page cache of each connection, in KiB (negative: not in pages). The operating system caches the same pages.
const CACHE: &str = "-1024";
/// Rows that SQLite's thread reads ahead, which may be large. With the driver's 50 a reading is no faster.
const ROWS_AHEAD: usize = 16;

/// A value as sent to or received from the database.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    /// Bytes that are no text; only ever read.
    Binary,
}

impl Raw {
    /// The stored value, for messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Raw::Int(number) => number.to_string(),
            Raw::Real(number) => number.to_string(),
            Raw::Text(text) => text.clone(),
            Raw::Null | Raw::Binary => String::new(),
        }
    }

    /// True for the same value, as text (like all of PostgreSQL's) or as a number.
    pub(super) fn same(&self, other: &Raw) -> bool {
        match (self, other) {
            (Raw::Int(number), Raw::Text(text)) | (Raw::Text(text), Raw::Int(number)) => {
                *text == number.to_string()
            }
            _ => self == other,
        }
    }

    /// The value as text, the same for a number and its digits.
    pub(super) fn text(&self) -> String {
        match self {
            Raw::Null | Raw::Binary => String::new(),
            Raw::Int(number) => number.to_string(),
            Raw::Real(number) => number.to_string(),
            Raw::Text(text) => text.clone(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

#[derive(Clone)]
pub(super) struct Db {
    pool: Pool,
    /// The database's name in messages.
    pub(super) label: String,
    timeout: Duration,
}

#[derive(Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A transaction; dropping it without a commit rolls it back.
pub(super) struct Tx<'a> {
    inner: Inner,
    db: &'a Db,
}

enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    pub(super) async fn connect(target: Target, timeout: Duration) -> Result<Db, ConnectorError> {
        let label = target.label();
        let pool = match target {
            Target::Sqlite(path, options) => {
                // The driver's message for a missing file names neither the file nor the reason.
                if !path.is_file() {
                    let message =
                        format!("{label}: there is no such database file; create it or mend the url");
                    return Err(ConnectorError::permanent(message));
                }
                Pool::Sqlite(
                    sqlite(options.filename(path)).await.map_err(|e| fault(&label, &e).into_error())?,
                )
            }
            Target::Postgres(options) => Pool::Postgres(postgres(options, &label, timeout).await?),
        };
        Ok(Db { pool, label, timeout })
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.pool {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement outside of transactions and returns its rows.
    pub(super) async fn rows(&self, sql: String, arguments: &[Raw]) -> Result<Vec<Vec<Raw>>, ConnectorError> {
        self.rows_within(usize::MAX, sql, arguments).await
    }

    /// The first rows of a statement: all of them, or as many as are needed for more than `most` bytes of text.
    pub(super) async fn rows_within(
        &self,
        most: usize,
        sql: String,
        arguments: &[Raw],
    ) -> Result<Vec<Vec<Raw>>, ConnectorError> {
        let rows = async {
            match &self.pool {
                Pool::Sqlite(pool) => sqlite_rows(&mut *pool.acquire().await?, sql, arguments, most).await,
                Pool::Postgres(pool) => {
                    postgres_rows(&mut *pool.acquire().await?, sql, arguments, most).await
                }
            }
        };
        self.in_time(rows).await.map_err(Fault::into_error)
    }

    /// Begins a transaction that may write.
    pub(super) async fn begin(&self) -> Result<Tx<'_>, ConnectorError> {
        let inner = async {
            Ok(match &self.pool {
                // A deferred transaction that begins with a read cannot wait for the write lock later.
                Pool::Sqlite(pool) => Inner::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
                Pool::Postgres(pool) => Inner::Postgres(pool.begin().await?),
            })
        };
        let inner = self.in_time(inner).await.map_err(Fault::into_error)?;
        Ok(Tx { inner, db: self })
    }

    /// Applies a timeout: a server that stops responding must not block a run for ever.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Fault> {
        let limit = self.timeout + ACQUIRE;
        match tokio::time::timeout(limit, work).await {
            Ok(result) => result.map_err(|error| fault(&self.label, &error)),
            Err(_) => {
                let message = format!("{}: no answer within {} s", self.label, limit.as_secs());
                Err(Fault::Call(ConnectorError::transient(message)))
            }
        }
    }
}

impl Tx<'_> {
    /// The database's name in messages.
    pub(super) fn label(&self) -> &str {
        &self.db.label
    }

    pub(super) async fn rows(&mut self, sql: String, arguments: &[Raw]) -> Result<Vec<Vec<Raw>>, Fault> {
        let Tx { inner, db } = self;
        db.in_time(async {
            match inner {
                Inner::Sqlite(tx) => sqlite_rows(tx, sql, arguments, usize::MAX).await,
                Inner::Postgres(tx) => postgres_rows(tx, sql, arguments, usize::MAX).await,
            }
        })
        .await
    }

    /// Runs a statement and returns the number of changed rows.
    pub(super) async fn execute(&mut self, sql: String, arguments: &[Raw]) -> Result<u64, Fault> {
        let Tx { inner, db } = self;
        db.in_time(async {
            match inner {
                Inner::Sqlite(tx) => {
                    Ok(bind_sqlite(sql, arguments).execute(&mut **tx).await?.rows_affected())
                }
                Inner::Postgres(tx) => {
                    Ok(bind_postgres(sql, arguments).execute(&mut **tx).await?.rows_affected())
                }
            }
        })
        .await
    }

    /// Ends a transaction that the database may have rolled back itself (SQLite's RAISE(ROLLBACK)). The driver treats
    /// it as open until a rollback succeeds.
    pub(super) async fn abandon(mut self) {
        if let Inner::Sqlite(tx) = &mut self.inner {
            let _ = sqlx::query("BEGIN").execute(&mut **tx).await;
        }
        let _ = match self.inner {
            Inner::Sqlite(tx) => tx.rollback().await,
            Inner::Postgres(tx) => tx.rollback().await,
        };
    }

    pub(super) async fn commit(self) -> Result<(), Fault> {
        let Tx { inner, db } = self;
        let committed = async {
            match inner {
                Inner::Sqlite(tx) => tx.commit().await,
                Inner::Postgres(tx) => tx.commit().await,
            }
        };
        db.in_time(committed).await
    }
}

async fn sqlite(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let options = options.create_if_missing(false).pragma("cache_size", CACHE).busy_timeout(BUSY);
    let options = options.row_buffer_size(ROWS_AHEAD);
    // A place is open for one run. Without limits of age the pool has no upkeep, which can spin without end in sqlx 0.9.0.
    SqlitePoolOptions::new()
        .max_connections(2)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
}

async fn postgres(
    options: PgConnectOptions,
    label: &str,
    timeout: Duration,
) -> Result<PgPool, ConnectorError> {
    // The pool retries a server that refuses connections and then reports only a timeout; a first connection of our own
    // shows the reason.
    match tokio::time::timeout(ACQUIRE, PgConnection::connect_with(&options)).await {
        Ok(Ok(connection)) => {
            let _ = connection.close().await;
        }
        Ok(Err(sqlx::Error::Io(error))) if error.kind() != std::io::ErrorKind::InvalidData => {
            return Err(ConnectorError::transient(format!("{label}: the server cannot be reached: {error}")));
        }
        Ok(Err(error)) => return Err(fault(label, &error).into_error()),
        Err(_) => {
            let message = format!("{label}: the server did not answer within {} s", ACQUIRE.as_secs());
            return Err(ConnectorError::transient(message));
        }
    }
    let limits = format!(
        "SET statement_timeout = {0}; SET lock_timeout = {1}; SET idle_in_transaction_session_timeout = {2}",
        timeout.as_millis(),
        timeout.min(BUSY * 2).as_millis(),
        (timeout * 2).as_millis(),
    );
    let pool = PgPoolOptions::new()
        .max_connections(4)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(move |connection, _| {
            let limits = limits.clone();
            Box::pin(
                async move { connection.execute(sqlx::raw_sql(AssertSqlSafe(limits))).await.map(|_| ()) },
            )
        });
    Ok(pool.connect_lazy_with(options))
}

type SqliteQuery<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;
type PostgresQuery<'q> = sqlx::query::Query<'q, Postgres, sqlx::postgres::PgArguments>;

/// Statements are built from quoted identifiers and placeholders only, never from values.
fn bind_sqlite<'q>(sql: String, arguments: &'q [Raw]) -> SqliteQuery<'q> {
    arguments.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, argument| match argument {
        Raw::Null | Raw::Binary => query.bind(None::<&str>),
        Raw::Int(number) => query.bind(*number),
        Raw::Real(number) => query.bind(*number),
        Raw::Text(text) => query.bind(text.as_str()),
    })
}

fn bind_postgres<'q>(sql: String, arguments: &'q [Raw]) -> PostgresQuery<'q> {
    arguments.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, argument| match argument {
        Raw::Null | Raw::Binary => query.bind(None::<&str>),
        Raw::Int(number) => query.bind(number.to_string()),
        Raw::Real(number) => query.bind(number.to_string()),
        Raw::Text(text) => query.bind(text.as_str()),
    })
}

/// Reads rows one by one, since the driver's form of them takes as much memory again, until they have more than `most`
/// bytes.
async fn sqlite_rows(
    connection: &mut SqliteConnection,
    sql: String,
    arguments: &[Raw],
    most: usize,
) -> Result<Vec<Vec<Raw>>, sqlx::Error> {
    let mut rows = bind_sqlite(sql, arguments).fetch(connection);
    let (mut raws, mut bytes) = (Vec::new(), 0);
    while bytes <= most
        && let Some(row) = rows.try_next().await?
    {
        let raw: Vec<Raw> =
            (0..row.len()).map(|position| sqlite_raw(&row, position)).collect::<Result<_, _>>()?;
        bytes += weight(&raw);
        raws.push(raw);
    }
    Ok(raws)
}

pub(super) fn weight(raw: &[Raw]) -> usize {
    let text = |raw: &Raw| if let Raw::Text(text) = raw { text.len() } else { 0 };
    raw.iter().map(text).sum()
}

fn sqlite_raw(row: &sqlx::sqlite::SqliteRow, position: usize) -> Result<Raw, sqlx::Error> {
    let value = row.try_get_raw(position)?;
    if value.is_null() {
        return Ok(Raw::Null);
    }
    let class = value.type_info().name().to_owned();
    Ok(match class.as_str() {
        "INTEGER" => Raw::Int(row.try_get_unchecked(position)?),
        "REAL" => Raw::Real(row.try_get_unchecked(position)?),
        // Many programs store text as a blob.
        _ => match String::from_utf8(row.try_get_unchecked(position)?) {
            Ok(text) => Raw::Text(text),
            Err(_) => Raw::Binary,
        },
    })
}

/// Like [`sqlite_rows`].
async fn postgres_rows(
    connection: &mut PgConnection,
    sql: String,
    arguments: &[Raw],
    most: usize,
) -> Result<Vec<Vec<Raw>>, sqlx::Error> {
    let mut rows = bind_postgres(sql, arguments).fetch(connection);
    let raw = |row: &sqlx::postgres::PgRow, position| {
        row.try_get::<Option<String>, _>(position).map(|text| text.map_or(Raw::Null, Raw::Text))
    };
    let (mut raws, mut bytes) = (Vec::new(), 0);
    while bytes <= most
        && let Some(row) = rows.try_next().await?
    {
        let read: Vec<Raw> = (0..row.len()).map(|position| raw(&row, position)).collect::<Result<_, _>>()?;
        bytes += weight(&read);
        raws.push(read);
    }
    Ok(raws)
}
