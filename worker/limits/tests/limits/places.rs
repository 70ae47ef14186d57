//! Stores for the tests: each test has its own subjects, and each caller its own store object.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectOptions, Database, DatabaseConnection, sqlx::sqlite::SqliteJournalMode};
use syncline_limits::{BreakerPolicy, Limits, MemoryLimits, RedisLimits, SqlLimits, TestClock};
use syncline_migration::{Migrator, Until};
use syncline_queue::{RedisBackend, RedisConfig};
use syncline_support::{postgres::Database as Server, redis::shared_url};

/// Opens a store object over the same state, with this clock or the store's own.
pub(crate) type Open = Box<dyn Fn(Option<TestClock>) -> Arc<dyn Limits> + Send + Sync>;

/// Opens after three failures, for ten seconds.
pub(crate) const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    window: Duration::from_secs(60),
    open_for: Duration::from_secs(10),
    longest: Duration::from_secs(40),
    probes: 1,
    probe_for: Duration::from_secs(20),
    successes: 2,
};

/// A store's state, and how to open it.
pub(crate) struct Place {
    pub(crate) open: Open,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Place {
    fn new<L: Limits>(
        guard: impl Any + Send + Sync,
        open: impl Fn(Option<TestClock>) -> L + Send + Sync + 'static,
    ) -> Self {
        Self { open: Box::new(move |clock| Arc::new(open(clock))), _guard: Box::new(guard) }
    }
}

pub(crate) async fn memory() -> Place {
    let shared = MemoryLimits::new(POLICY);
    Place::new((), move |clock| {
        let limits = shared.clone();
        match clock {
            Some(clock) => limits.with_clock(clock),
            None => limits,
        }
    })
}

pub(crate) async fn sqlite() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let db = connect(&format!("sqlite://{}?mode=rwc", folder.path().join("limits.db").display())).await;
    migrate(&db).await;
    sql(db, folder)
}

pub(crate) async fn postgres() -> Place {
    let server = Server::prepared(async |url| {
        let db = connect(&url).await;
        migrate(&db).await;
        db.close().await.expect("the server");
    });
    let server = server.await.expect("a PostgreSQL server");
    sql(connect(&server.url()).await, server)
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.sqlx_logging(false).min_connections(1).max_connections(8);
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite.journal_mode(SqliteJournalMode::Wal).busy_timeout(Duration::from_secs(20))
    });
    Database::connect(options).await.expect("a database")
}

async fn migrate(db: &DatabaseConnection) {
    Migrator::new().up(db, &Until::End).await.expect("the migrations");
}

fn sql(db: DatabaseConnection, guard: impl Any + Send + Sync) -> Place {
    Place::new(guard, move |clock| {
        let limits = SqlLimits::new(db.clone(), POLICY);
        match clock {
            Some(clock) => limits.with_clock(clock),
            None => limits,
        }
    })
}

pub(crate) async fn redis() -> Place {
    let url = shared_url().expect("a Redis server");
    // The tests share the server, but not the keys.
    static PLACES: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("limits{}", PLACES.fetch_add(1, Ordering::Relaxed));
    Place::new((), move |clock| {
        let config = RedisConfig { prefix: prefix.clone(), ..RedisConfig::default() };
        let queue = RedisBackend::new(&url, config).expect("a URL");
        let limits = RedisLimits::new(&queue, POLICY);
        match clock {
            Some(clock) => limits.with_clock(clock),
            None => limits,
        }
    })
}

/// Returns a queue with its own connection.
pub(crate) fn queue(url: &str) -> RedisBackend {
    RedisBackend::new(url, RedisConfig::default()).expect("a URL")
}
