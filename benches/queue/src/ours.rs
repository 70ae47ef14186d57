//! Opens our queue as a worker does.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use syncline_migration::{Migrator, Until};
use syncline_queue::{Backend, RedisBackend, RedisConfig, SqlBackend};

use crate::contenders::Store;

/// Opens the queue on this store; each call opens connections of its own.
pub(crate) async fn open(store: Store, url: &str) -> Result<Arc<dyn Backend>> {
    match store {
        Store::Redis => Ok(Arc::new(RedisBackend::new(url, RedisConfig::default())?)),
        _ => Ok(Arc::new(SqlBackend::new(database(store, url).await?))),
    }
}

/// Opens Syncline's database at this place and creates its schema.
pub(crate) async fn database(store: Store, url: &str) -> Result<DatabaseConnection> {
    let url = if store == Store::Sqlite { format!("sqlite://{url}?mode=rwc") } else { url.to_owned() };
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(10)
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(30))
        // Like the program, it does not test a connection before each use.
        .test_before_acquire_if_idle_for(Duration::from_secs(1));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(20))
    });
    let db = Database::connect(options).await?;
    Migrator::new().up(&db, &Until::End).await?;
    Ok(db)
}
