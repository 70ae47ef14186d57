//! A database per test: a file for SQLite, the test binary's own server for PostgreSQL.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, Statement,
    TransactionTrait,
    prelude::DateTimeUtc,
    sqlx::sqlite::SqliteJournalMode,
};
use serde_json::json;
use syncline_entity::{
    project, sync_config,
    types::{Direction, ManagedBy},
};
use syncline_migration::{Migrator, Until};
use syncline_support::postgres;

/// Which database a case runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

pub(crate) struct Stage {
    pub(crate) db: DatabaseConnection,
    _guard: Box<dyn Any + Send + Sync>,
}

fn options(url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false).acquire_timeout(Duration::from_secs(20));
    options.map_sqlx_sqlite_opts(|sqlite| sqlite.journal_mode(SqliteJournalMode::Wal).foreign_keys(true));
    options
}

async fn migrate(db: &DatabaseConnection) {
    Migrator::new().up(db, &Until::End).await.expect("the migrations");
}

impl On {
    /// Creates an empty database with the complete schema.
    pub(crate) async fn stage(self) -> Stage {
        match self {
            Self::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("entity.db").display());
                let db = Database::connect(options(url)).await.expect("a SQLite file");
                migrate(&db).await;
                Stage { db, _guard: Box::new(folder) }
            }
            Self::Postgres => {
                let database = postgres::Database::prepared(async |url| {
                    let db = Database::connect(options(url)).await.expect("the server");
                    migrate(&db).await;
                    db.close().await.expect("the server");
                });
                let database = database.await.expect("a PostgreSQL server");
                let db = Database::connect(options(database.url())).await.expect("a PostgreSQL database");
                Stage { db, _guard: Box::new(()) }
            }
        }
    }
}

impl Stage {
    /// Creates a sync from target to source, so that no result has the default direction by accident.
    pub(crate) async fn sync(&self, name: &str) -> i64 {
        let row = sync_config::ActiveModel {
            id: NotSet,
            project_id: Set(project::DEFAULT_PROJECT),
            name: Set(name.to_owned()),
            source_platform: Set("linear".to_owned()),
            target_platform: Set("jira".to_owned()),
            entity_type: Set("issue".to_owned()),
            direction: Set(Direction::TargetToSource),
            config_json: Set(json!({})),
            managed_by: Set(ManagedBy::Api),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a sync").id
    }

    /// Returns the plan of every statement that `work` runs.
    pub(crate) async fn plans<T>(&mut self, work: impl AsyncFnOnce(&DatabaseConnection) -> T) -> Vec<String> {
        let seen: Arc<Mutex<Vec<Statement>>> = Arc::default();
        let log = seen.clone();
        self.db.set_metric_callback(move |info| log.lock().unwrap().push(info.statement.clone()));
        work(&self.db).await;
        self.db.set_metric_callback(|_| ());
        let statements = std::mem::take(&mut *seen.lock().unwrap());
        assert!(!statements.is_empty(), "nothing was asked");
        let mut plans = Vec::new();
        for statement in statements {
            plans.push(self.plan(statement).await);
        }
        plans
    }

    async fn plan(&self, mut statement: Statement) -> String {
        let backend = self.db.get_database_backend();
        let (explain, column) = match backend {
            DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", "detail"),
            _ => ("EXPLAIN", "QUERY PLAN"),
        };
        let asked = statement.sql.clone();
        statement.sql = format!("{explain} {asked}");
        let tx = self.db.begin().await.expect("a transaction");
        if backend == DbBackend::Postgres {
            // The tables are almost empty, so sequential scans would be the best plans.
            tx.execute_unprepared("SET LOCAL enable_seqscan = off").await.expect("a setting");
        }
        let rows = tx.query_all_raw(statement).await.expect("a plan");
        let lines: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
        format!("{asked}\n{}", lines.join("\n"))
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    pub(crate) async fn all<E: EntityTrait>(&self) -> Vec<E::Model> {
        E::find().all(&self.db).await.expect("rows")
    }
}

/// Returns a time on one day, by seconds, with microseconds.
pub(crate) fn at(second: u32) -> DateTimeUtc {
    format!("2025-03-04T05:{:02}:{:02}.678901Z", second / 60, second % 60).parse().expect("a time")
}
