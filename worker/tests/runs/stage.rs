//! A database with syncs, and a queue: in the same database, or in a store of its own that can be emptied and go away.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectOptions, ConnectionTrait, Database, DatabaseConnection,
    EntityTrait, QueryOrder, sqlx::sqlite::SqliteJournalMode,
};
use serde_json::{Value, json};
use syncline_entity::{
    project, schedule, sync_config, sync_history, sync_metadata,
    types::{Direction, LinkState, ManagedBy, RunKind, ScheduleKind, SyncDirection, SyncMethod, SyncStatus},
};
use syncline_migration::{Migrator, Until};
use syncline_queue::{
    Backend, Cancelled, ClaimRequest, Claimed, ClaimedJob, Count, Error, Job, JobQuery, LeaseRef, NewJob,
    Page, Priority, Pushed, Renewal, Rescued, Settled, Settlement, SqlBackend,
};
use syncline_runs::{Accepted, Dispatcher, NewRun, RUN_QUEUE, RunQueue};
use syncline_support::postgres;
use syncline_worker::Environment;
use tokio::sync::watch;
use uuid::Uuid;

/// Where runs and jobs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Both in one SQLite file.
    Sqlite,
    /// Both in one PostgreSQL database.
    Postgres,
    /// Runs in a SQLite file, jobs in another store.
    SqliteAndStore,
    /// Runs in a PostgreSQL database, jobs in another store.
    PostgresAndStore,
}

impl On {
    fn is_postgres(self) -> bool {
        matches!(self, On::Postgres | On::PostgresAndStore)
    }

    pub(crate) fn has_store(self) -> bool {
        matches!(self, On::SqliteAndStore | On::PostgresAndStore)
    }
}

pub(crate) struct Stage {
    pub(crate) db: DatabaseConnection,
    pub(crate) queue: RunQueue,
    /// The store of its own, if there is one.
    store: Option<Store>,
    /// Where the jobs are.
    jobs: DatabaseConnection,
    _guard: Vec<Box<dyn Any + Send + Sync>>,
}

fn options(url: String) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options.max_connections(6).sqlx_logging(false).acquire_timeout(Duration::from_secs(60));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.journal_mode(SqliteJournalMode::Wal).foreign_keys(true).busy_timeout(Duration::from_secs(60))
    });
    options
}

async fn sqlite() -> (DatabaseConnection, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("runs.db").display());
    let db = Database::connect(options(url)).await.expect("a SQLite file");
    Migrator::new().up(&db, &Until::End).await.expect("the migrations");
    (db, folder)
}

async fn server() -> DatabaseConnection {
    let prepare = async |url| {
        let db = Database::connect(options(url)).await.expect("the server");
        Migrator::new().up(&db, &Until::End).await.expect("the migrations");
        db.close().await.expect("the server");
    };
    let database = postgres::Database::prepared(prepare).await.expect("a PostgreSQL server");
    Database::connect(options(database.url())).await.expect("a database")
}

impl Stage {
    pub(crate) async fn new(on: On) -> Stage {
        let mut guard: Vec<Box<dyn Any + Send + Sync>> = Vec::new();
        let db = if on.is_postgres() {
            server().await
        } else {
            let (db, folder) = sqlite().await;
            guard.push(Box::new(folder));
            db
        };
        if !on.has_store() {
            let queue = RunQueue::sql(db.clone());
            return Stage { jobs: db.clone(), db, queue, store: None, _guard: guard };
        }
        let (jobs, folder) = sqlite().await;
        guard.push(Box::new(folder));
        let store =
            Store { inner: SqlBackend::new(jobs.clone()), away: Arc::default(), paused: Arc::default() };
        let queue = RunQueue::foreign(Arc::new(store.clone()));
        Stage { db, queue, store: Some(store), jobs, _guard: guard }
    }

    pub(crate) async fn sync(&self, name: &str) -> sync_config::Model {
        let row = sync_config::ActiveModel {
            project_id: Set(project::DEFAULT_PROJECT),
            name: Set(name.to_owned()),
            source_platform: Set("files".to_owned()),
            target_platform: Set("sql".to_owned()),
            entity_type: Set("task".to_owned()),
            direction: Set(Direction::Bidirectional),
            conflict_strategy: Set("last_write_wins".to_owned()),
            config_json: Set(json!({ "priority": "high", "max_retries": 2, "retry_delay": 0.5 })),
            revision: Set(1),
            managed_by: Set(ManagedBy::File),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a sync")
    }

    pub(crate) async fn schedule(&self, sync: i64) -> i64 {
        let row = schedule::ActiveModel {
            sync_config_id: Set(sync),
            name: Set("interval".to_owned()),
            kind: Set(ScheduleKind::Interval),
            expression: Set("60".to_owned()),
            timezone: Set("UTC".to_owned()),
            missed_policy: Set("latest".to_owned()),
            created_at: Set(Utc::now()),
            updated_at: Set(Utc::now()),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a schedule").id
    }

    pub(crate) async fn link(&self, sync: i64) -> i64 {
        let row = sync_metadata::ActiveModel {
            sync_config_id: Set(sync),
            entity_type: Set("task".to_owned()),
            entity_id: Set(Some(Uuid::now_v7().to_string())),
            sync_status: Set(SyncStatus::Completed),
            link_state: Set(LinkState::Linked),
            sync_direction: Set(SyncDirection::Bidirectional),
            created_at: Set(Utc::now()),
            updated_at: Set(Utc::now()),
            ..Default::default()
        };
        row.insert(&self.db).await.expect("a link").id
    }

    pub(crate) fn environment(&self, worker: &str) -> Environment {
        Environment { queue: self.queue.clone(), ..Environment::new(self.db.clone(), worker) }
    }

    /// A dispatcher that leaves nothing alone for being young.
    pub(crate) fn dispatcher(&self) -> Dispatcher {
        Dispatcher::new(self.db.clone(), self.queue.clone()).with_patience(Duration::ZERO)
    }

    /// The store goes away, or comes back.
    pub(crate) fn set_away(&self, away: bool) {
        if let Some(store) = &self.store {
            store.away.store(away, Ordering::SeqCst);
        }
    }

    /// The store loses everything.
    pub(crate) async fn flush(&self) {
        self.jobs.execute_unprepared("DELETE FROM jobs").await.expect("the jobs");
        if let Some(store) = &self.store {
            store.paused.store(false, Ordering::SeqCst);
        }
    }

    pub(crate) async fn runs(&self) -> Vec<sync_history::Model> {
        sync_history::Entity::find().order_by_asc(sync_history::Column::Id).all(&self.db).await.unwrap()
    }

    pub(crate) async fn run(&self, run: Uuid) -> sync_history::Model {
        sync_history::by_run(&self.db, run).await.unwrap().expect("the run")
    }

    pub(crate) async fn claim(&self) -> Option<ClaimedJob> {
        let request = ClaimRequest {
            queue: RUN_QUEUE.to_owned(),
            worker_id: "w".to_owned(),
            limit: 1,
            lease: Duration::from_secs(60),
            concurrency_key: None,
            overdue_by: None,
        };
        self.queue.claim(&request).await.unwrap().jobs.pop()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.expect(sql);
    }
}

/// A run of the whole sync.
pub(crate) fn whole(config: &sync_config::Model) -> NewRun {
    NewRun::of(config, RunKind::Sync, SyncMethod::Batch).unwrap()
}

#[track_caller]
pub(crate) fn new(accepted: Accepted) -> Uuid {
    match accepted {
        Accepted::New(id) => id,
        other => panic!("{other:?} is not new"),
    }
}

pub(crate) fn in_an_hour() -> DateTime<Utc> {
    Utc::now() + chrono::TimeDelta::hours(1)
}

/// A store that no transaction of the runs' database covers.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    inner: SqlBackend,
    away: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
}

impl Store {
    fn there(&self) -> Result<&SqlBackend, Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("the store is away".into()));
        }
        Ok(&self.inner)
    }
}

#[async_trait]
impl Backend for Store {
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        self.there()?.push(jobs).await
    }
    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        self.there()?.put_back(jobs).await
    }
    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
        self.there()?.known(ids).await
    }
    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error> {
        match self.paused.load(Ordering::SeqCst) {
            true => Ok(Claimed::default()),
            false => self.there()?.claim(request).await,
        }
    }
    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error> {
        self.there()?.renew(leases, lease).await
    }
    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error> {
        self.there()?.settle(settlements).await
    }
    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error> {
        self.there()?.give_back(leases).await
    }
    async fn rescue(&self) -> Result<Vec<Rescued>, Error> {
        self.there()?.rescue().await
    }
    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error> {
        self.there()?.progress(lease, progress).await
    }
    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error> {
        self.there()?.cancel(id).await
    }
    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error> {
        self.there()?.get(id).await
    }
    async fn list(&self, query: &JobQuery) -> Result<Page, Error> {
        self.there()?.list(query).await
    }
    async fn replay(&self, id: Uuid) -> Result<bool, Error> {
        self.there()?.replay(id).await
    }
    async fn discard(&self, id: Uuid) -> Result<bool, Error> {
        self.there()?.discard(id).await
    }
    async fn set_priority(&self, id: Uuid, priority: Priority) -> Result<bool, Error> {
        self.there()?.set_priority(id, priority).await
    }
    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error> {
        self.there()?.counts(queue).await
    }
    async fn pause(&self, _: &str) -> Result<bool, Error> {
        self.there()?;
        Ok(!self.paused.swap(true, Ordering::SeqCst))
    }
    async fn resume(&self, _: &str) -> Result<bool, Error> {
        self.there()?;
        Ok(self.paused.swap(false, Ordering::SeqCst))
    }
    async fn is_paused(&self, _: &str) -> Result<bool, Error> {
        self.there()?;
        Ok(self.paused.load(Ordering::SeqCst))
    }
    async fn listen(&self, queue: &str) {
        self.inner.listen(queue).await;
    }
    fn wakeups(&self) -> watch::Receiver<u64> {
        self.inner.wakeups()
    }
    fn wake(&self) {
        self.inner.wake();
    }
    fn cancellations(&self) -> watch::Receiver<u64> {
        self.inner.cancellations()
    }
}
