//! A database per test, and short ways to ask it.

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, QueryResult, Statement};
use syncline_migration::{Migrator, Until};
use tempfile::TempDir;

/// An empty database in a folder of its own, gone with the test.
pub(crate) struct TestDatabase {
    pub(crate) db: DatabaseConnection,
    _folder: TempDir,
}

pub(crate) async fn empty() -> TestDatabase {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("syncline.db").display());
    let db = Database::connect(ConnectOptions::new(url)).await.unwrap();
    TestDatabase { db, _folder: folder }
}

pub(crate) async fn migrated() -> TestDatabase {
    let test = empty().await;
    Migrator::new().up(&test.db, &Until::End).await.unwrap();
    test
}

impl TestDatabase {
    /// Runs statements separated by semicolons.
    pub(crate) async fn run(&self, sql: &str) {
        self.try_run(sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }

    pub(crate) async fn try_run(&self, sql: &str) -> Result<(), DbErr> {
        self.db.execute_unprepared(sql).await.map(|_| ())
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// The rows of a query whose columns are all text, a null as `-`.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        let rows = self.rows(sql).await;
        let text = |row: &QueryResult, index| {
            row.try_get_by_index::<Option<String>>(index).unwrap().unwrap_or_else(|| "-".to_owned())
        };
        rows.iter().map(|row| (0..row.column_names().len()).map(|index| text(row, index)).collect()).collect()
    }

    /// Applies migrations until the named one is the last.
    pub(crate) async fn up_to(&self, name: &str) {
        let place = names().iter().position(|known| known.ends_with(name)).unwrap();
        Migrator::new().up(&self.db, &Until::At(names()[place].clone())).await.unwrap();
    }

    /// Reverts the last migration.
    pub(crate) async fn down(&self) {
        Migrator::new().down(&self.db, &Until::Steps(1)).await.unwrap();
    }

    /// Applies the next migration.
    pub(crate) async fn up(&self) {
        Migrator::new().up(&self.db, &Until::Steps(1)).await.unwrap();
    }

    /// A sync and one link of it: what most tables hang on.
    pub(crate) async fn with_link(self) -> Self {
        self.run(SYNC).await;
        self.run(LINK).await;
        self
    }
}

pub(crate) fn names() -> Vec<String> {
    Migrator::new().steps().iter().map(|step| step.name().to_owned()).collect()
}

const SYNC: &str = "INSERT INTO sync_configs \
    (id, project_id, name, source_platform, target_platform, entity_type, direction, config_json) \
    VALUES (1, 1, 'mirror', 'jira', 'github', 'issue', 'bidirectional', '{}')";

const LINK: &str = "INSERT INTO sync_metadata (id, sync_config_id, entity_type, entity_id, external_id, \
    sync_status, last_successful_sync, content_hash, created_at, updated_at) \
    VALUES (1, 1, 'issue', 'E-1', 'PROJ-1', 'completed', '2025-01-02T00:00:00+00:00', 'aa', \
    '2025-01-01T00:00:00+00:00', '2025-01-02T00:00:00+00:00')";
