//! Runs random sequences of operations on a store and on a small reference, and compares the answers and the jobs after
//! each operation. A failing sequence is shrunk, and its seed is kept in `seeds.txt` beside this file.
//!
//! Time plays no part: leases and delays end at once or long after the test. `MODEL_CASES` sets the number of
//! sequences.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

mod compare;
mod reference;
mod steps;
mod trial;

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use sea_orm::{
    ConnectOptions, Database, DatabaseConnection,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use syncline_migration::{Migrator, Until};
use syncline_queue::{Backend, RedisBackend, RedisConfig, SqlBackend};
use syncline_support::{postgres, redis::Server};
use tokio::runtime::Runtime;

use self::trial::Trial;

const CASES: u32 = 40;
static QUEUES: AtomicUsize = AtomicUsize::new(0);

/// Compares a store with the reference; `forget` makes the store forget unused queues, which would slow it down.
fn check(runtime: &Runtime, backend: &dyn Backend, forget: impl Fn()) {
    let cases = std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config {
        cases,
        max_shrink_iters: 2_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/model/seeds.txt"))),
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&steps::steps(), |steps| {
        forget();
        let queue = format!("model-{}", QUEUES.fetch_add(1, Ordering::Relaxed));
        let all = async {
            let mut trial = Trial::new(backend, queue);
            let outcome = trial.run(&steps).await;
            // Also after a failure, so that the next sequence finds no jobs of this one.
            let emptied = trial.empty().await;
            outcome.and(emptied)
        };
        runtime.block_on(all).map_err(TestCaseError::fail)
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

async fn database(url: String) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false).acquire_timeout(Duration::from_secs(30));
    options.map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(20))
    });
    let db = Database::connect(options).await.expect("a database");
    Migrator::new().up(&db, &Until::End).await.expect("the migrations");
    db
}

#[test]
fn sqlite_does_what_the_reference_does() {
    let (runtime, folder) = (runtime(), tempfile::tempdir().expect("a temporary folder"));
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("queue.db").display());
    let backend = runtime.block_on(async { SqlBackend::new(database(url).await) });
    check(&runtime, &backend, || {});
}

#[test]
fn postgres_does_what_the_reference_does() {
    let runtime = runtime();
    let backend = runtime.block_on(async {
        let server = postgres::Database::create().await.expect("a PostgreSQL server");
        SqlBackend::new(database(server.url()).await)
    });
    check(&runtime, &backend, || {});
}

#[test]
fn redis_does_what_the_reference_does() {
    let (runtime, server) = (runtime(), Server::start(&[]).expect("a Redis server"));
    let backend = RedisBackend::new(&server.url(), RedisConfig::default()).expect("the server's URL");
    check(&runtime, &backend, || drop(server.command(&["FLUSHALL"]).expect("a flush")));
}
