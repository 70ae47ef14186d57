//! A database with syncs, and runs that end in it in every way there is.

use std::{
    any::Any,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement,
    sqlx::sqlite::SqliteJournalMode,
};
use serde_json::json;
use syncline_engine::{
    ports::Clock,
    run::{Counts, Report},
};
use syncline_entity::{
    project, sync_config, sync_history,
    types::{Direction, ManagedBy, Priority, RunKind, RunStatus, SyncMethod},
};
use syncline_migration::{Migrator, Until};
use syncline_runs::{Begun, Ending, bury};
use syncline_support::postgres;
use syncline_worker::Environment;
use uuid::Uuid;

use crate::reference::Run;

/// Which database.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

/// A time that tests set.
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<Mutex<DateTime<Utc>>>);

impl TestClock {
    pub(crate) fn set(&self, time: DateTime<Utc>) {
        *self.0.lock().unwrap() = time;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct Stage {
    pub(crate) db: DatabaseConnection,
    url: String,
    _guard: Box<dyn Any + Send + Sync>,
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(8).sqlx_logging(false).acquire_timeout(Duration::from_secs(60));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.journal_mode(SqliteJournalMode::Wal).foreign_keys(true).busy_timeout(Duration::from_secs(60))
    });
    Database::connect(options).await.expect("the database")
}

impl Stage {
    pub(crate) async fn new(kind: Kind) -> Self {
        let (url, guard): (String, Box<dyn Any + Send + Sync>) = match kind {
            Kind::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let url = format!("sqlite://{}?mode=rwc", folder.path().join("stats.db").display());
                let db = connect(&url).await;
                Migrator::new().up(&db, &Until::End).await.expect("the migrations");
                db.close().await.expect("the database");
                (url, Box::new(folder))
            }
            Kind::Postgres => {
                let database = postgres::Database::prepared(async |url| {
                    let db = connect(&url).await;
                    Migrator::new().up(&db, &Until::End).await.expect("the migrations");
                    db.close().await.expect("the server");
                });
                let database = database.await.expect("a PostgreSQL server");
                (database.url(), Box::new(database))
            }
        };
        Self { db: connect(&url).await, url, _guard: guard }
    }

    /// What another process would have: connections of its own.
    pub(crate) async fn another(&self) -> DatabaseConnection {
        connect(&self.url).await
    }

    pub(crate) async fn sync(&self, name: &str, platforms: [&str; 2], entity_type: &str) -> i64 {
        let row = sync_config::ActiveModel {
            id: NotSet,
            project_id: Set(project::DEFAULT_PROJECT),
            name: Set(name.to_owned()),
            source_platform: Set(platforms[0].to_owned()),
            target_platform: Set(platforms[1].to_owned()),
            entity_type: Set(entity_type.to_owned()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set("last_write_wins".to_owned()),
            config_json: Set(json!({})),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a sync").id
    }

    pub(crate) async fn execute(&self, sql: &str) -> u64 {
        let done = self.db.execute_unprepared(sql).await;
        done.unwrap_or_else(|error| panic!("{error}\n{sql}")).rows_affected()
    }

    pub(crate) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_all_raw(statement).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.rows(sql).await[0].try_get_by_index(0).unwrap()
    }
}

/// A run that waits.
pub(crate) async fn queue(db: &DatabaseConnection, sync: i64, kind: RunKind, at: DateTime<Utc>) -> Uuid {
    insert(db, sync, kind, at, |_| {}).await
}

async fn insert(
    db: &DatabaseConnection,
    sync: i64,
    kind: RunKind,
    at: DateTime<Utc>,
    change: impl FnOnce(&mut sync_history::ActiveModel),
) -> Uuid {
    let id = Uuid::now_v7();
    let mut row = sync_history::ActiveModel {
        run_uid: Set(id),
        project_id: Set(project::DEFAULT_PROJECT),
        sync_config_id: Set(sync),
        correlation_id: Set(id),
        kind: Set(kind),
        sync_type: Set(SyncMethod::Manual),
        priority: Set(Priority::Normal),
        args: Set(json!({})),
        status: Set(RunStatus::Queued),
        queued_at: Set(at),
        ..Default::default()
    };
    change(&mut row);
    row.insert(db).await.expect("a run");
    id
}

/// An environment over a database, and its clock.
pub(crate) fn environment(db: &DatabaseConnection) -> (Environment, TestClock) {
    let clock = TestClock::default();
    let environment = Environment { clock: Arc::new(clock.clone()), ..Environment::new(db.clone(), "test") };
    (environment, clock)
}

/// Takes up a run that ends when and as `run` says.
pub(crate) async fn begin(environment: &Environment, clock: &TestClock, id: Uuid, run: &Run) -> Begun {
    clock.set(run.completed_at - TimeDelta::milliseconds(run.took.unwrap_or(0)));
    environment.run_book().begin(id, 1).await.expect("the database").begun().expect("a run that is not over")
}

/// Ends a run as `run` says, the way workers do.
pub(crate) async fn end(environment: &Environment, clock: &TestClock, begun: &Begun, run: &Run) {
    clock.set(run.completed_at);
    let number = |value: i64| u64::try_from(value).unwrap();
    let [synced, failed, skipped, created, updated, deleted, conflicts, api_calls] = run.counts.map(number);
    let counts = Counts {
        synced,
        failed,
        skipped,
        created,
        updated,
        deleted,
        conflicts,
        api_calls,
        ..Counts::default()
    };
    let report = Report { counts, ..Report::default() };
    let ending = Ending {
        status: run.status,
        outcome: "ended",
        error: None,
        dead: None,
        report: Some(&report),
        calls: counts.api_calls,
        plan: None,
        restore_over: None,
    };
    assert!(environment.run_book().end(begun, ending).await.expect("the database"));
}

/// A run from beginning to end.
pub(crate) async fn work(environment: &Environment, clock: &TestClock, run: &Run) {
    let id = queue(&environment.db, run.sync, run.kind, run.completed_at).await;
    let begun = begin(environment, clock, id, run).await;
    end(environment, clock, &begun, run).await;
}

/// A run whose worker died.
pub(crate) async fn die(environment: &Environment, run: &Run) {
    let id = queue(&environment.db, run.sync, run.kind, run.completed_at).await;
    bury(&environment.db, id, "crashed", "given up", run.completed_at).await.expect("the database");
}

/// A run as a replica leaves it that knows nothing of statistics.
pub(crate) async fn leave(db: &DatabaseConnection, run: &Run) {
    let [synced, failed, skipped, created, updated, deleted, conflicts, api_calls] = run.counts;
    insert(db, run.sync, run.kind, run.completed_at, |row| {
        row.status = Set(run.status);
        row.completed_at = Set(Some(run.completed_at));
        row.success = Set(Some(run.success()));
        row.duration_ms = Set(run.took);
        row.items_synced = Set(synced);
        row.items_failed = Set(failed);
        row.items_skipped = Set(skipped);
        row.created = Set(created);
        row.updated = Set(updated);
        row.deleted = Set(deleted);
        row.conflicts = Set(conflicts);
        row.api_calls = Set(api_calls);
    })
    .await;
}
