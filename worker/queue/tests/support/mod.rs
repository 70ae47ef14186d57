//! Databases for the tests: a file for SQLite, a server of our own for PostgreSQL.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{any::Any, sync::Arc, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use syncline_queue::{Backend, SqlBackend};
use syncline_support::postgres;

/// A queue of its own for one test, with whatever must live as long.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) db: DatabaseConnection,
    pub(crate) sql: SqlBackend,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Stage {
    fn new(db: DatabaseConnection, guard: impl Any + Send + Sync) -> Self {
        let sql = SqlBackend::new(db.clone());
        Self { backend: Arc::new(sql.clone()), db, sql, _guard: Box::new(guard) }
    }
}

pub(crate) fn options(url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(8)
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(20));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(20))
            .foreign_keys(true)
    });
    options
}

/// A SQLite file in a temporary folder, with the real schema.
pub(crate) async fn sqlite() -> Stage {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("queue.db").display());
    let db = Database::connect(options(url)).await.expect("a SQLite file");
    migrate(&db).await;
    Stage::new(db, folder)
}

/// A database of its own on this binary's PostgreSQL server, with the real schema.
pub(crate) async fn postgres() -> Stage {
    let database = postgres::Database::prepared(async |url| {
        let db = Database::connect(options(url)).await.expect("the server");
        migrate(&db).await;
        db.close().await.expect("the server");
    });
    let database = database.await.expect("a PostgreSQL server");
    let db = Database::connect(options(database.url())).await.expect("a PostgreSQL database");
    Stage::new(db, ())
}

pub(crate) async fn migrate(db: &DatabaseConnection) {
    use syncline_migration::{Migrator, Until};
    Migrator::new().up(db, &Until::End).await.expect("the migrations");
}
