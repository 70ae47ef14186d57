//! Connections to Syncline's own database: pool, session, TLS.

mod place;

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{self, Connection, Executor, PgConnection},
};
use syncline_migration::{sqlstate, words, words_of_driver};

pub(crate) use self::place::Place;
use crate::{
    config::{DatabaseConfig, DatabaseUrl},
    fault::{Fault, Passes},
};

/// Sent on each new connection and not in its options, which some poolers refuse. A pooler in transaction mode may lose
/// it, which does no harm.
///
/// A process that stops inside a transaction would hold the lock on its run's row, and our transactions wait for nothing
/// but the database. There is no statement_timeout: the migration of a large table may take long, and callers that cannot
/// wait (leases, health) have timeouts of their own.
///
/// Compiling a plan takes longer than any of our statements that PostgreSQL deems worth it.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '10s'; SET jit = off";

/// How long a first connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that was used within this time is not tested before its next use.
const IDLE_UNASKED: Duration = Duration::from_secs(1);

/// SQLite's page cache of each connection, in KiB (negative: not in pages). The caches fill as the database grows, and the
/// operating system caches the same pages.
const CACHE: &str = "-1024";

/// Connects, and looks at nothing yet.
pub(crate) async fn open(config: &DatabaseConfig) -> Result<DatabaseConnection, Fault> {
    let (url, pool) = (&config.url, config.pool);
    let mut options = ConnectOptions::new(url.connect_url());
    options
        // At info, so RUST_LOG=sqlx=info shows every statement and nothing does by default.
        .sqlx_logging(true)
        // A second connection beside the first could not set the mode of a new file.
        .min_connections(if url.is_sqlite() { 0 } else { pool.min })
        .max_connections(pool.max)
        .acquire_timeout(pool.acquire)
        .connect_timeout(PATIENCE)
        // With a limit of age the pool runs an upkeep, which can spin without end in sqlx 0.9.0: a connection may be taken
        // before the count of idle ones has it, and the upkeep then counts down from 2^64 without a pause.
        .idle_timeout(None)
        .max_lifetime(None)
        // By default every use of a connection costs a round trip for a test.
        .test_before_acquire_if_idle_for(IDLE_UNASKED);
    if url.is_sqlite() {
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                .pragma("foreign_keys", "ON")
                .pragma("cache_size", CACHE)
                .busy_timeout(Duration::from_secs(5))
        });
    } else {
        if url.parameter("application_name").is_none() {
            let client = config.client.clone();
            options.map_sqlx_postgres_opts(move |postgres| postgres.application_name(&client));
        }
        options.map_sqlx_postgres_pool_opts(|pool| {
            pool.after_connect(|connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(SESSION)).await.map(|_| ()) })
            })
        });
        probe(url).await?;
    }
    Database::connect(options).await.map_err(|error| unreachable(url, &words(&error)))
}

/// A pool keeps trying for half a minute and then says only that time ran out; a first connection of its own tells why.
async fn probe(url: &DatabaseUrl) -> Result<(), Fault> {
    let address = url.connect_url();
    match tokio::time::timeout(PATIENCE, PgConnection::connect(&address)).await {
        Ok(Ok(connection)) => {
            // It has served its purpose, however it ends.
            let _ = connection.close().await;
            Ok(())
        }
        Ok(Err(error)) => Err(refused(url, &error)),
        Err(_) => Err(unreachable(url, "no answer within 10 s")),
    }
}

/// An empty database that goes with its connection.
pub(crate) async fn in_memory() -> Result<DatabaseConnection, Fault> {
    let mut options = ConnectOptions::new("sqlite::memory:");
    // Each connection would have a database of its own.
    options.sqlx_logging(false).min_connections(1).max_connections(1).idle_timeout(None).max_lifetime(None);
    Ok(Database::connect(options).await?)
}

/// Whether the server lets this process in.
pub(crate) async fn answers(url: &DatabaseUrl) -> bool {
    url.is_sqlite() || probe(url).await.is_ok()
}

fn unreachable(url: &DatabaseUrl, text: &str) -> Fault {
    let remedy = remedy(text);
    // What needs no other address and no other certificate may pass.
    let passes = if url.is_sqlite() || remedy.is_some() { Passes::Never } else { Passes::WithTheOutage };
    let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    Fault::usage(format!("DATABASE_URL {}: {text}{remedy}", url.shown())).passing(passes)
}

/// Why a server did not let us in, with what to do about it.
fn refused(url: &DatabaseUrl, error: &sqlx::Error) -> Fault {
    // The words of these may quote the address.
    if let sqlx::Error::Configuration(_) = error {
        return unreachable(url, "the address cannot be read").passing(Passes::Never);
    }
    let said = words_of_driver(error);
    let remedy = remedy(&said).or_else(|| match (sqlstate(error), error) {
        (Some("28P01"), _) => Some("correct the user or the password in the address"),
        (Some("28000"), _) => Some(
            "correct the user in the address, or let it in: CREATE ROLE ... LOGIN, or a line in the server's pg_hba.conf",
        ),
        (Some("3D000"), _) => Some("correct the database's name in the address, or make it with CREATE DATABASE"),
        (Some("42501"), _) => {
            Some("as the database's owner, run: GRANT CONNECT ON DATABASE ... TO the user of the address")
        }
        (Some("53300"), _) => Some("raise max_connections on the server, or lower SYNCLINE_DB_POOL_MAX"),
        (None, sqlx::Error::Io(_)) => Some("is PostgreSQL running there, and is the address right?"),
        _ => None,
    });
    let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    Fault::usage(format!("DATABASE_URL {}: {said}{remedy}", url.shown())).passing(passes(error))
}

/// Whether a server may let us in later: nothing answers, also because the name does not resolve, or the server starts,
/// stops or has no connection left.
fn passes(error: &sqlx::Error) -> Passes {
    let outage = match (sqlstate(error), error) {
        (Some(code), _) => ["08", "53", "57"].contains(&code.get(..2).unwrap_or_default()),
        // A certificate that is not trusted arrives as data that cannot be read.
        (None, sqlx::Error::Io(error)) => error.kind() != std::io::ErrorKind::InvalidData,
        (None, _) => false,
    };
    if outage { Passes::WithTheOutage } else { Passes::Never }
}

/// What to do about an encrypted connection that did not come about. The driver tells these apart by words only.
fn remedy(error: &str) -> Option<&'static str> {
    let known = [
        (
            "does not support TLS",
            "set `ssl = on` and a certificate on the server, or write sslmode=prefer to do without where there is none",
        ),
        (
            "not valid for name",
            "connect by a name that the server's certificate is made out to, or write sslmode=verify-ca to check its \
             issuer only",
        ),
        ("certificate expired", "renew the server's certificate"),
        ("certificate: Expired", "renew the server's certificate"),
        (
            "requires a valid client certificate",
            "name a certificate that the server trusts with sslcert=FILE, and its key with sslkey=FILE",
        ),
        // Also what another authority of the same name has signed.
        (
            "invalid peer certificate",
            "the server's certificate is of an authority that is not trusted: name that authority's certificate with \
             sslrootcert=FILE",
        ),
    ];
    known.into_iter().find(|(words, _)| error.contains(words)).map(|(_, remedy)| remedy)
}
