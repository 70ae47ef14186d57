//! Tests of notices between processes: two queues over two pools. Polls are too rare to matter here.

use std::{sync::Arc, time::Duration};

use sea_orm::{
    DatabaseConnection, SqlxPostgresConnector, TransactionTrait,
    sqlx::{
        self, Row,
        postgres::{PgListener, PgPool, PgPoolOptions},
    },
};
use syncline_queue::{Backend, Cancelled, NewJob, Next, Outcome, Settled, SourceConfig, SqlBackend};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use uuid::Uuid;

use crate::{
    conformance::{
        SHORT, claim_one, eventually, failed, job, request, settle,
        workers::{config, start_on},
    },
    support::sql::{SqlStage as Stage, migrate, postgres},
};

const PATIENCE: Duration = Duration::from_secs(30);
const CHANNEL: &str =
    "SELECT 'syncline_jobs_' || relnamespace::text FROM pg_class WHERE oid = to_regclass('jobs')";

/// A process beside the stage's: its queue, its hints, and its listener, which ends with it.
struct Neighbour {
    queue: SqlBackend,
    wakeups: watch::Receiver<u64>,
    cancellations: watch::Receiver<u64>,
    ears: JoinHandle<()>,
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.ears.abort();
    }
}

fn pool(stage: &Stage) -> &PgPool {
    stage.db.get_postgres_connection_pool()
}

async fn beside(stage: &Stage, schema: &str) -> DatabaseConnection {
    let options = (*pool(stage).connect_options()).clone().options([("search_path", schema)]);
    let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await.expect("the server");
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}

async fn neighbour(stage: &Stage) -> Neighbour {
    let queue = SqlBackend::new(beside(stage, "public").await);
    let (wakeups, cancellations) = (queue.wakeups(), queue.cancellations());
    let listening = queue.clone();
    let ears = tokio::spawn(async move { listening.listen("work").await });
    let mut neighbour = Neighbour { queue, wakeups, cancellations, ears };
    // A new listener looks for all existing work once.
    neighbour.hears_of_work().await;
    changed(&mut neighbour.cancellations).await;
    neighbour
}

async fn changed(hint: &mut watch::Receiver<u64>) {
    timeout(PATIENCE, hint.changed()).await.expect("a notice in time").expect("a queue");
    hint.borrow_and_update();
}

impl Neighbour {
    async fn hears_of_work(&mut self) {
        changed(&mut self.wakeups).await;
    }

    /// Starts a job of the stage, and waits for its notices.
    async fn running(&mut self, stage: &Stage) -> Uuid {
        stage.backend.push(&[job("running")]).await.expect("a push");
        self.hears_of_work().await;
        claim_one(&*stage.backend).await.id
    }

    /// Notices come in the order of their commits: when the running job's stop arrives, all earlier ones have arrived.
    async fn hears_nothing_before_its_stop(&mut self, stage: &Stage, running: Uuid) {
        assert_eq!(stage.backend.cancel(running).await.expect("a cancel"), Cancelled::Requested);
        changed(&mut self.cancellations).await;
        assert!(!self.wakeups.has_changed().expect("a queue"), "it was woken for nothing");
    }
}

#[tokio::test]
async fn due_work_wakes_other_processes() {
    let stage = postgres().await;
    let mut other = neighbour(&stage).await;
    let backend = &*stage.backend;
    let keyed = NewJob {
        concurrency: Some(syncline_queue::Concurrency::one("key")),
        max_attempts: 9,
        ..job("keyed")
    };
    backend.push(&[keyed]).await.expect("a push");
    other.hears_of_work().await;

    let taken = claim_one(backend).await;
    settle(backend, &taken, failed("down")).await;
    other.hears_of_work().await;

    let taken = claim_one(backend).await;
    let given_back = backend.give_back(&[taken.lease_ref()]).await.expect("a return");
    assert_eq!(given_back.len(), 1);
    other.hears_of_work().await;

    backend.claim(&request(1, SHORT)).await.expect("a claim");
    eventually("a rescue", || async {
        (!backend.rescue().await.expect("a rescue").is_empty()).then_some(())
    })
    .await;
    other.hears_of_work().await;

    let taken = claim_one(backend).await;
    let dead = Outcome::Dead { reason: "no".to_owned(), error: "no".to_owned() };
    settle(backend, &taken, dead).await;
    other.hears_of_work().await;
    assert!(backend.replay(taken.id).await.expect("a replay"));
    other.hears_of_work().await;

    // The end of a job with a key lets the next one of that key begin.
    let taken = claim_one(backend).await;
    settle(backend, &taken, Outcome::Done).await;
    other.hears_of_work().await;
}

#[tokio::test]
async fn a_push_is_notified_only_with_its_commit() {
    let stage = postgres().await;
    let mut other = neighbour(&stage).await;
    let running = other.running(&stage).await;
    let tx = stage.db.begin().await.expect("a transaction");
    stage.sql.push_in(&tx, &[job("never")]).await.expect("a push");
    tx.rollback().await.expect("a rollback");
    other.hears_nothing_before_its_stop(&stage, running).await;

    let tx = stage.db.begin().await.expect("a transaction");
    stage.sql.push_in(&tx, &[job("kept")]).await.expect("a push");
    tx.commit().await.expect("a commit");
    // The previous notice was sent a moment ago, so this one may have been left out until now.
    stage.sql.wake();
    other.hears_of_work().await;
}

#[tokio::test]
async fn many_jobs_of_one_transaction_are_one_notice() {
    let stage = postgres().await;
    let mut ears = PgListener::connect_with(pool(&stage)).await.expect("a listener");
    let channel: String = sqlx::query_scalar(CHANNEL).fetch_one(pool(&stage)).await.expect("a channel");
    ears.listen(&channel).await.expect("to listen");
    let tx = stage.db.begin().await.expect("a transaction");
    let jobs: Vec<_> = (0..500).map(|_| job("one of many")).collect();
    stage.sql.push_in(&tx, &jobs).await.expect("a push");
    tx.commit().await.expect("a commit");
    let last = "SELECT pg_notify($1, 'last')";
    sqlx::query(last).bind(&channel).execute(pool(&stage)).await.expect("a notice");
    let mut heard = Vec::new();
    while heard.last().is_none_or(|payload| payload != "last") {
        let notice = timeout(PATIENCE, ears.recv()).await.expect("in time").expect("a notice");
        heard.push(notice.payload().to_owned());
    }
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].starts_with("due work ") && heard[0].len() < 64, "{heard:?}");
}

#[tokio::test]
async fn other_installations_in_one_database_are_not_notified() {
    let stage = postgres().await;
    sqlx::query("CREATE SCHEMA beside").execute(pool(&stage)).await.expect("a schema");
    let db = beside(&stage, "beside").await;
    migrate(&db).await;
    let mut ours = neighbour(&stage).await;
    let theirs = SqlBackend::new(db);
    let running = ours.running(&stage).await;
    theirs.push(&[job("theirs")]).await.expect("a push");
    ours.hears_nothing_before_its_stop(&stage, running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_starts_what_another_process_pushed_and_stops_what_it_cancelled() {
    let stage = postgres().await;
    let other = neighbour(&stage).await;
    let hour = Duration::from_secs(3600);
    let source = SourceConfig { poll_interval: hour, lease: hour, ..config("neighbour") };
    let (started, mut starts) = mpsc::unbounded_channel();
    let mut worker = start_on(Arc::new(other.queue.clone()), source, move |leased| {
        started.send(()).expect("the test");
        async move {
            if leased.job.kind == "endless" {
                leased.lease.cancelled().await;
                return Ok(Outcome::Cancelled);
            }
            Ok(Outcome::Done)
        }
    });
    for _ in 0..3 {
        stage.backend.push(&[job("short")]).await.expect("a push");
        starts.recv().await.expect("a start");
        assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    }
    let endless = job("endless");
    stage.backend.push(std::slice::from_ref(&endless)).await.expect("a push");
    starts.recv().await.expect("a start");
    assert_eq!(stage.backend.cancel(endless.id).await.expect("a cancel"), Cancelled::Requested);
    assert_eq!(worker.settled().await, (Outcome::Cancelled, Settled::Applied(Next::Gone)));
    worker.stop().await;
}

#[tokio::test]
async fn a_listener_outlives_its_connection() {
    let stage = postgres().await;
    let mut other = neighbour(&stage).await;
    for _ in 0..3 {
        let cut = "SELECT pg_terminate_backend(pid) AS cut FROM pg_stat_activity \
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        let cut = sqlx::query(cut).fetch_all(pool(&stage)).await.expect("the server");
        assert_eq!(cut.len(), 1, "one connection listens");
        assert!(cut[0].get::<bool, _>("cut"));
        // Jobs that came while nothing listened are found as soon as a listener starts.
        other.hears_of_work().await;
        stage.backend.push(&[job("heard")]).await.expect("a push");
        other.hears_of_work().await;
    }
}

#[tokio::test]
async fn own_notices_are_ignored() {
    let stage = postgres().await;
    let mut other = neighbour(&stage).await;
    let running = other.running(&stage).await;
    // Pushed through another connection: after the commit the caller wakes this process's workers itself.
    let db = beside(&stage, "public").await;
    other.queue.push_in(&db, &[job("its own")]).await.expect("a push");
    other.hears_nothing_before_its_stop(&stage, running).await;
}
