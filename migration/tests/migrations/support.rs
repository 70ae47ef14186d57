//! A database per test, of either kind, and helpers to query it.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, QueryResult, Statement};
use syncline_migration::{Migrator, Until};
use syncline_support::postgres;
use tempfile::TempDir;

/// Which database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sqlite,
    Postgres,
}

pub(crate) use On::{Postgres, Sqlite};

/// An empty database for one test.
pub(crate) struct TestDatabase {
    pub(crate) db: DatabaseConnection,
    pub(crate) on: On,
    folder: Option<TempDir>,
}

const FILE: &str = "syncline.db";

pub(crate) async fn empty(on: On) -> TestDatabase {
    match on {
        Sqlite => sqlite(&[]).await,
        Postgres => at(postgres::Database::create().await.unwrap().url()).await,
    }
}

/// Creates a SQLite database that is a copy of one ([`TestDatabase::into_bytes`]), or an empty one.
pub(crate) async fn sqlite(copy_of: &[u8]) -> TestDatabase {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    std::fs::write(&file, copy_of).unwrap();
    TestDatabase {
        db: connect(format!("sqlite://{}", file.display())).await,
        on: Sqlite,
        folder: Some(folder),
    }
}

/// Opens an existing PostgreSQL database.
pub(crate) async fn at(url: String) -> TestDatabase {
    TestDatabase { db: connect(url).await, on: Postgres, folder: None }
}

async fn connect(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    // No test needs durability, and syncing to disk takes most of a small migration's time.
    options.max_connections(4).map_sqlx_sqlite_opts(|options| options.pragma("synchronous", "OFF"));
    Database::connect(options).await.unwrap()
}

pub(crate) async fn migrated(on: On) -> TestDatabase {
    let test = empty(on).await;
    Migrator::new().up(&test.db, &Until::End).await.unwrap();
    test
}

impl TestDatabase {
    /// Returns the file of a SQLite database.
    pub(crate) async fn into_bytes(self) -> Vec<u8> {
        self.db.close().await.unwrap();
        std::fs::read(self.folder.unwrap().path().join(FILE)).unwrap()
    }

    /// Runs statements separated by semicolons.
    pub(crate) async fn run(&self, sql: &str) {
        self.try_run(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    pub(crate) async fn try_run(&self, sql: &str) -> Result<(), DbErr> {
        self.db.execute_unprepared(sql).await.map(|_| ())
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        rows(&self.db, sql).await
    }

    /// Returns the rows of a query whose columns are all text, a null as `-`.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        let rows = self.values(sql).await;
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    }

    /// Returns the rows of a query whose columns are all text.
    pub(crate) async fn values(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        values(&self.db, sql).await
    }

    /// For what the two databases write differently: `pick("X'00'", "'\\x00'")`.
    pub(crate) fn pick<T>(&self, sqlite: T, postgres: T) -> T {
        match self.on {
            Sqlite => sqlite,
            Postgres => postgres,
        }
    }

    /// Applies migrations until the named one is the newest.
    pub(crate) async fn up_to(&self, name: &str) {
        let place = names().iter().position(|known| known.ends_with(name)).unwrap();
        self.steps_up(place + 1).await;
    }

    /// Applies the next migrations.
    pub(crate) async fn steps_up(&self, count: usize) {
        Migrator::new().up(&self.db, &Until::Steps(u32::try_from(count).unwrap())).await.unwrap();
    }

    /// Applies the next migration.
    pub(crate) async fn up(&self) {
        self.steps_up(1).await;
    }

    /// Reverts the last migration.
    pub(crate) async fn down(&self) {
        Migrator::new().down(&self.db, &Until::Steps(1)).await.unwrap();
    }

    /// Creates a sync and one link of it, for the older table's rows to match.
    pub(crate) async fn with_link(self) -> Self {
        self.run(SYNC).await;
        self.run(LINK).await;
        self
    }
}

pub(crate) async fn rows(db: &impl ConnectionTrait, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

pub(crate) async fn values(db: &impl ConnectionTrait, sql: &str) -> Vec<Vec<Option<String>>> {
    let rows = rows(db, sql).await;
    let width = rows.first().map_or(0, |row| row.column_names().len());
    let value = |row: &QueryResult, index| row.try_get_by_index::<Option<String>>(index).unwrap();
    rows.iter().map(|row| (0..width).map(|index| value(row, index)).collect()).collect()
}

pub(crate) fn names() -> Vec<String> {
    Migrator::new().steps().iter().map(|step| step.name().to_owned()).collect()
}

const SYNC: &str = "INSERT INTO sync_configs \
    (project_id, name, source_platform, target_platform, entity_type, direction, config_json) \
    VALUES (1, 'mirror', 'jira', 'github', 'issue', 'bidirectional', '{}')";

const LINK: &str = "INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, external_id, \
    sync_status, last_successful_sync, content_hash, created_at, updated_at) \
    VALUES (1, 'issue', 'E-1', 'PROJ-1', 'completed', '2025-01-02T00:00:00+00:00', 'aa', \
    '2025-01-01T00:00:00+00:00', '2025-01-02T00:00:00+00:00')";
