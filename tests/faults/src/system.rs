//! The store under test: a server or a file of its own for each scenario.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use serde::{Deserialize, Serialize};
use syncline_limits::{BreakerPolicy, Limits, RedisLimits, SqlLimits};
use syncline_migration::{Migrator, Until};
use syncline_queue::{Backend, RedisBackend, RedisConfig, SqlBackend};
use syncline_support::{postgres, redis};
use tempfile::TempDir;

use crate::proxy::Store;

/// Which kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Redis,
    Postgres,
    Sqlite,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Redis, Kind::Postgres, Kind::Sqlite];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Redis => "redis",
            Kind::Postgres => "postgres",
            Kind::Sqlite => "sqlite",
        })
    }
}

/// A Redis that writes down what it acknowledges, and forgets nothing to make room.
const DURABLE: [&str; 6] =
    ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];

/// A running store.
pub(crate) enum System {
    Redis(redis::Server),
    Postgres(postgres::Database),
    Sqlite(TempDir),
}

impl System {
    pub(crate) async fn start(kind: Kind) -> Result<System> {
        match kind {
            // What is acknowledged is on disk: whoever kills the server loses nothing.
            Kind::Redis => Ok(System::Redis(redis::Server::start(&DURABLE)?)),
            Kind::Postgres => {
                #[allow(clippy::expect_used, reason = "without a schema there is nothing to try")]
                let database = postgres::Database::prepared(async |url| {
                    migrate(&url).await.expect("a database with our schema");
                });
                Ok(System::Postgres(database.await?))
            }
            Kind::Sqlite => {
                let folder = tempfile::Builder::new().prefix("syncline-faults-").tempdir()?;
                let system = System::Sqlite(folder);
                migrate(&system.url()).await?;
                Ok(system)
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            System::Redis(server) => server.url(),
            System::Postgres(database) => database.url(),
            System::Sqlite(folder) => {
                format!("sqlite://{}?mode=rwc", folder.path().join("queue.db").display())
            }
        }
    }

    /// Where it listens, for a proxy.
    pub(crate) fn door(&self) -> Store {
        match self {
            System::Redis(server) => Store::Port(server.port()),
            System::Postgres(database) => {
                let url = database.url();
                let folder =
                    url.split('@').nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_default();
                Store::Socket(Path::new(&folder.replace("%2F", "/")).join(".s.PGSQL.5432"))
            }
            System::Sqlite(_) => Store::Port(0),
        }
    }

    /// Its URL by way of a proxy on this port.
    pub(crate) fn url_through(&self, port: u16) -> String {
        match self {
            System::Redis(_) => format!("redis://127.0.0.1:{port}"),
            System::Postgres(database) => format!("postgres://postgres@127.0.0.1:{port}/{}", database.name()),
            System::Sqlite(_) => self.url(),
        }
    }

    /// It dies, or lets nobody in as if it had.
    pub(crate) async fn shut(&mut self) -> Result<()> {
        match self {
            System::Redis(server) => server.kill(),
            System::Postgres(database) => {
                let name = database.name();
                let shut = format!(
                    "ALTER DATABASE {name} ALLOW_CONNECTIONS false; \
                     SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                );
                database.beside().await?.execute(&shut).await
            }
            System::Sqlite(_) => bail!("a file cannot be shut"),
        }
    }

    /// It comes back.
    pub(crate) async fn reopen(&mut self) -> Result<()> {
        match self {
            System::Redis(server) => server.launch(),
            System::Postgres(database) => {
                let reopen = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", database.name());
                database.beside().await?.execute(&reopen).await
            }
            System::Sqlite(_) => Ok(()),
        }
    }

    /// It answers nobody for so long.
    pub(crate) async fn pause(&self, length: Duration) -> Result<()> {
        let lock = match self {
            System::Redis(server) => {
                let ms = length.as_millis().to_string();
                server.command(&["CLIENT", "PAUSE", &ms, "ALL"])?;
                tokio::time::sleep(length).await;
                return Ok(());
            }
            // Somebody else holds the lock that everything needs.
            System::Postgres(_) => "BEGIN; LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE",
            System::Sqlite(_) => "BEGIN EXCLUSIVE",
        };
        let db = open(&self.url(), 1).await?;
        db.execute_unprepared(lock).await?;
        tokio::time::sleep(length).await;
        db.execute_unprepared("COMMIT").await?;
        Ok(db.close().await?)
    }

    /// The Redis server, of scenarios that are about nothing else.
    pub(crate) fn redis(&self) -> Result<&redis::Server> {
        match self {
            System::Redis(server) => Ok(server),
            _ => bail!("this scenario is about Redis"),
        }
    }
}

async fn migrate(url: &str) -> Result<()> {
    let db = open(url, 4).await?;
    Migrator::new().up(&db, &Until::End).await?;
    Ok(db.close().await?)
}

pub(crate) async fn open(url: &str, connections: u32) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(connections)
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(10));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true)
    });
    Ok(Database::connect(options).await?)
}

/// Opens a queue as a process would.
pub(crate) async fn connect(kind: Kind, url: &str) -> Result<Arc<dyn Backend>> {
    match kind {
        Kind::Redis => {
            let backend = RedisBackend::new(url, RedisConfig::default())?;
            backend.check().await?;
            Ok(Arc::new(backend))
        }
        Kind::Postgres => Ok(Arc::new(SqlBackend::new(open(url, 6).await?))),
        Kind::Sqlite => Ok(Arc::new(SqlBackend::new(open(url, 2).await?))),
    }
}

/// Opens the limits that are beside a queue.
pub(crate) async fn limits(kind: Kind, url: &str) -> Result<Arc<dyn Limits>> {
    let policy = BreakerPolicy::default();
    match kind {
        Kind::Redis => {
            Ok(Arc::new(RedisLimits::new(&RedisBackend::new(url, RedisConfig::default())?, policy)))
        }
        Kind::Postgres | Kind::Sqlite => Ok(Arc::new(SqlLimits::new(open(url, 4).await?, policy))),
    }
}
