//! The way to Syncline's own database: pool, session, TLS.

mod place;

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::{self, Connection, Executor, PgConnection},
};
use syncline_migration::{sqlstate, words, words_of_driver};

pub(crate) use self::place::Place;
use crate::{
    fault::Fault,
    settings::{self, DatabaseUrl},
};

/// Said on each connection and not in its options, which some poolers refuse; one that hands a connection to somebody
/// else after each transaction may lose it, which is no worse than not having said it.
///
/// Whoever stops in the middle of a transaction, frozen or cut off, would hold its run's row for ever, and no transaction
/// of ours waits for anything but the database. There is no statement_timeout: a migration of a large table may take as
/// long as it takes, and whoever cannot wait (leases, health) has a limit of its own on this side.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// How long a first connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many connections a process keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolLimits {
    min: u32,
    max: u32,
    acquire: Duration,
    idle: Duration,
}

impl PoolLimits {
    /// From `SYNCLINE_DB_POOL_*`, read through `read`.
    pub(crate) fn from_settings(
        needs_one: bool,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<PoolLimits, Fault> {
        let number = |name: &str, default: u32, least: u32, most: u32| -> Result<u32, Fault> {
            let Some(text) = read(name) else { return Ok(default) };
            let wrong =
                || Fault::usage(format!("{name} {text:?} is not a whole number from {least} to {most}"));
            text.trim().parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(wrong)
        };
        let max = number("SYNCLINE_DB_POOL_MAX", 10, 1, 1000)?;
        let usual = if needs_one { 1 } else { 2 };
        let min = number("SYNCLINE_DB_POOL_MIN", usual.min(max), 0, 1000)?;
        if min > max {
            return Err(Fault::usage(format!(
                "SYNCLINE_DB_POOL_MIN {min} is more than SYNCLINE_DB_POOL_MAX {max}; lower the one or raise the other"
            )));
        }
        let millis = |name, least| -> Result<Duration, Fault> {
            Ok(Duration::from_millis(number(name, 30_000, least, 3_600_000)?.into()))
        };
        let (acquire, idle) =
            (millis("SYNCLINE_DB_POOL_ACQUIRE_MS", 100)?, millis("SYNCLINE_DB_POOL_IDLE_MS", 1000)?);
        Ok(PoolLimits { min, max, acquire, idle })
    }
}

/// A connection that was used so lately is not asked whether it lives.
const IDLE_UNASKED: Duration = Duration::from_secs(1);

/// Connects, and looks at nothing yet.
pub(crate) async fn open(url: &DatabaseUrl) -> Result<DatabaseConnection, Fault> {
    // A connection to a file is cheap to open, and a command that soon ends seldom needs two: a server's process takes
    // longer to start than most of them take.
    let needs_one = url.is_sqlite() || !["up", "worker", "api"].contains(&settings::role());
    let limits = PoolLimits::from_settings(needs_one, settings::older)?;
    let mut options = ConnectOptions::new(url.connect_url());
    options
        // At info, so RUST_LOG=sqlx=info shows every statement and nothing does by default.
        .sqlx_logging(true)
        .min_connections(limits.min)
        .max_connections(limits.max)
        .acquire_timeout(limits.acquire)
        .connect_timeout(PATIENCE)
        .idle_timeout(limits.idle)
        // By default every use of a connection is a round trip longer, for a question whether it still lives.
        .test_before_acquire_if_idle_for(IDLE_UNASKED);
    if url.is_sqlite() {
        options.map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "NORMAL")
                .pragma("foreign_keys", "ON")
                .busy_timeout(Duration::from_secs(5))
        });
    } else {
        url.check_tls()?;
        if url.parameter("application_name").is_none() {
            options.map_sqlx_postgres_opts(|postgres| {
                postgres.application_name(&format!("syncline {}", settings::role()))
            });
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
    options.sqlx_logging(false).min_connections(1).max_connections(1);
    Ok(Database::connect(options).await?)
}

fn unreachable(url: &DatabaseUrl, text: &str) -> Fault {
    let remedy = remedy(text).map(|remedy| format!("; {remedy}")).unwrap_or_default();
    Fault::usage(format!("DATABASE_URL {}: {text}{remedy}", url.shown()))
}

/// Why a server did not let us in, with what to do about it.
fn refused(url: &DatabaseUrl, error: &sqlx::Error) -> Fault {
    // The words of these may quote the address.
    if let sqlx::Error::Configuration(_) = error {
        return unreachable(url, "the address cannot be read");
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
    Fault::usage(format!("DATABASE_URL {}: {said}{remedy}", url.shown()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(settings: &[(&str, &str)]) -> Result<PoolLimits, String> {
        let read = |name: &str| {
            let found = settings.iter().find(|(known, _)| format!("SYNCLINE_DB_POOL_{known}") == name);
            found.map(|(_, text)| (*text).to_owned())
        };
        PoolLimits::from_settings(false, read).map_err(|fault| fault.message)
    }

    #[test]
    fn a_pool_has_from_two_to_ten_connections_unless_told_otherwise() {
        let half_a_minute = Duration::from_secs(30);
        let usual = PoolLimits { min: 2, max: 10, acquire: half_a_minute, idle: half_a_minute };
        assert_eq!(limits(&[]), Ok(usual));
        assert_eq!(limits(&[("MAX", "1")]), Ok(PoolLimits { min: 1, max: 1, ..usual }));
        let told = limits(&[("MIN", "0"), ("MAX", "50"), ("ACQUIRE_MS", "500"), ("IDLE_MS", "1000")]);
        let (acquire, idle) = (Duration::from_millis(500), Duration::from_secs(1));
        assert_eq!(told, Ok(PoolLimits { min: 0, max: 50, acquire, idle }));
    }

    #[test]
    fn a_pool_that_cannot_be_is_refused_with_the_setting_and_its_value() {
        for (settings, told) in [
            (&[("MAX", "0")][..], "SYNCLINE_DB_POOL_MAX \"0\" is not a whole number from 1 to 1000"),
            (&[("MAX", "many")], "SYNCLINE_DB_POOL_MAX \"many\""),
            (&[("MIN", "-1")], "SYNCLINE_DB_POOL_MIN \"-1\" is not a whole number from 0"),
            (&[("MIN", "11")], "SYNCLINE_DB_POOL_MIN 11 is more than SYNCLINE_DB_POOL_MAX 10"),
            (&[("ACQUIRE_MS", "0")], "SYNCLINE_DB_POOL_ACQUIRE_MS \"0\" is not a whole number from 100"),
            (&[("IDLE_MS", "1")], "SYNCLINE_DB_POOL_IDLE_MS \"1\" is not a whole number from 1000"),
        ] {
            let refused = limits(settings).expect_err("a pool that cannot be");
            assert!(refused.contains(told), "{refused}");
        }
    }
}
