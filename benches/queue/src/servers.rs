//! The stores that everything runs on, and what they tell of themselves.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sqlx::{Connection, PgConnection};
use syncline_support::postgres;
use tempfile::TempDir;

use crate::contenders::Store;

/// A redis-server that ends with this.
#[derive(Debug)]
pub(crate) struct Servers {
    redis: Option<(Child, u16)>,
    folder: TempDir,
}

/// An empty place for one round of one contender.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) store: Store,
    /// The address, or for SQLite the file.
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Servers {
    pub(crate) async fn start() -> Result<Servers> {
        let folder = tempfile::Builder::new().prefix("syncline-bench-").tempdir()?;
        let redis = start_redis(folder.path()).await;
        let redis = redis
            .inspect_err(|error| println!("no Redis, so nothing on Redis is measured: {error:#}\n"))
            .ok();
        Ok(Servers { redis, folder })
    }

    /// `None`: there is no such store here.
    pub(crate) async fn place(&self, store: Store) -> Result<Option<Place>> {
        let (url, folder) = match store {
            Store::Redis => {
                let Some((_, port)) = &self.redis else { return Ok(None) };
                let url = format!("redis://127.0.0.1:{port}");
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

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some((redis, _)) = &mut self.redis {
            let _ = redis.kill();
            let _ = redis.wait();
        }
    }
}

impl Place {
    /// How many calls the store has answered, as far as it counts them.
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

    /// How many bytes the store's memory holds, where the jobs are in memory.
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

async fn start_redis(folder: &Path) -> Result<(Child, u16)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("redis-server")?;
    let until = Instant::now() + Duration::from_secs(20);
    while connection(&format!("redis://127.0.0.1:{port}")).await.is_err() {
        if Instant::now() > until {
            bail!("redis-server did not start");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((child, port))
}
