//! Databases for the tests: a file for SQLite, a server of the test binary for PostgreSQL.

use std::{any::Any, ops::Deref, sync::Arc, time::Duration};

use async_trait::async_trait;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use syncline_queue::{Backend, SqlBackend};
use syncline_support::postgres;
use uuid::Uuid;

use super::{Hooks, Stage};

/// A stage whose store is a SQL database.
#[derive(Debug)]
pub(crate) struct SqlStage {
    stage: Stage,
    pub(crate) db: DatabaseConnection,
    pub(crate) sql: SqlBackend,
}

impl SqlStage {
    fn new(db: DatabaseConnection, guard: impl Any + Send + Sync) -> Self {
        let sql = SqlBackend::new(db.clone());
        Self { stage: Stage::new(sql.clone(), SqlHooks(db.clone()), guard), db, sql }
    }
}

impl Deref for SqlStage {
    type Target = Stage;

    fn deref(&self) -> &Stage {
        &self.stage
    }
}

#[derive(Debug)]
struct SqlHooks(DatabaseConnection);

impl SqlHooks {
    async fn run(&self, sql: &str, values: impl IntoIterator<Item = sea_orm::Value>) {
        let statement = Statement::from_sql_and_values(self.0.get_database_backend(), sql, values);
        self.0.execute_raw(statement).await.expect("a statement");
    }
}

#[async_trait]
impl Hooks for SqlHooks {
    async fn make_due(&self) {
        self.run("UPDATE jobs SET run_at = 0 WHERE state = 'waiting'", []).await;
    }

    async fn outdo(&self, id: Uuid) {
        let sql =
            "UPDATE jobs SET state = 'dead', lease_until = NULL, claim_token = claim_token + 1 WHERE id = $1";
        self.run(sql, [id.into()]).await;
    }

    async fn spoil(&self, id: Uuid) -> bool {
        // The JSON type of PostgreSQL refuses invalid JSON.
        let can = self.0.get_database_backend() == DbBackend::Sqlite;
        if can {
            self.run("UPDATE jobs SET payload = '{\"cut' WHERE id = $1", [id.into()]).await;
        }
        can
    }

    async fn another(&self, limit: Option<u64>) -> Arc<dyn Backend> {
        let backend = SqlBackend::new(self.0.clone());
        Arc::new(match limit {
            Some(limit) => backend.with_limit(limit),
            None => backend,
        })
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

/// Creates a SQLite file in a temporary folder, with the real schema.
pub(crate) async fn sqlite() -> SqlStage {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("queue.db").display());
    let db = Database::connect(options(url)).await.expect("a SQLite file");
    migrate(&db).await;
    SqlStage::new(db, folder)
}

/// Creates a database on this binary's PostgreSQL server, with the real schema.
pub(crate) async fn postgres() -> SqlStage {
    let database = postgres::Database::prepared(async |url| {
        let db = Database::connect(options(url)).await.expect("the server");
        migrate(&db).await;
        db.close().await.expect("the server");
    });
    let database = database.await.expect("a PostgreSQL server");
    let db = Database::connect(options(database.url())).await.expect("a PostgreSQL database");
    SqlStage::new(db, ())
}

pub(crate) async fn migrate(db: &DatabaseConnection) {
    use syncline_migration::{Migrator, Until};
    Migrator::new().up(db, &Until::End).await.expect("the migrations");
}
