//! The servers of the stores, and their counters.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};
use syncline_support::{postgres, redis::Server};
use tempfile::TempDir;

use crate::contenders::Store;

/// The servers, which stop when this is dropped.
pub(crate) struct Servers {
    redis: Option<Server>,
    folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) store: Store,
    /// The address, or the file for SQLite.
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Servers {
    pub(crate) async fn start() -> Result<Servers> {
        let folder = tempfile::Builder::new().prefix("syncline-bench-").tempdir()?;
        let redis = Server::start(&[]);
        let redis = redis
            .inspect_err(|error| println!("no Redis, so nothing on Redis is measured: {error:#}\n"))
            .ok();
        Ok(Servers { redis, folder })
    }

    /// An empty place on the store; `None` if the store is not installed.
    pub(crate) async fn place(&self, store: Store) -> Result<Option<Place>> {
        let (url, folder) = match store {
            Store::Redis => {
                let Some(server) = &self.redis else { return Ok(None) };
                let url = server.url();
                redis::cmd("FLUSHALL").exec_async(&mut connection(&url).await?).await?;
                (url, None)
            }
            Store::Postgres => (postgres::Database::create().await?.url(), None),
            Store::Sqlite => {
                let folder = tempfile::tempdir_in(self.folder.path())?;
                (folder.path().join("queue.db").display().to_string(), Some(folder))
            }
        };
        Ok(Some(Place { store, url, _folder: folder }))
    }
}

impl Place {
    /// The number of calls that the store has answered, if it counts them.
    pub(crate) async fn calls(&self) -> Result<Option<f64>> {
        match self.store {
            Store::Redis => info(&self.url, "stats", "total_commands_processed").await.map(Some),
            Store::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await?;
                let calls: i64 = sqlx::query_scalar(
                    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()",
                )
                .fetch_one(&mut connection)
                .await?;
                connection.close().await?;
                Ok(Some(calls as f64))
            }
            Store::Sqlite => Ok(None),
        }
    }

    /// The store's memory in bytes, if the jobs are in memory.
    pub(crate) async fn memory(&self) -> Result<Option<f64>> {
        match self.store {
            Store::Redis => info(&self.url, "memory", "used_memory").await.map(Some),
            _ => Ok(None),
        }
    }
}

async fn connection(url: &str) -> Result<redis::aio::MultiplexedConnection> {
    let patience = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
    let client = redis::Client::open(url)?;
    Ok(client.get_multiplexed_async_connection_with_config(&patience).await?)
}

async fn info(url: &str, section: &str, field: &str) -> Result<f64> {
    let text: String = redis::cmd("INFO").arg(section).query_async(&mut connection(url).await?).await?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    Ok(value.with_context(|| format!("no {field} in INFO"))?.trim().parse()?)
}
