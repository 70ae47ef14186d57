//! How fast a queue on a SQLite file drains, and how soon an idle worker starts a job.
//!
//! `cargo run --release -p syncline-queue --example bench -- [JOBS] [CONCURRENCY]`

use std::{
    error::Error,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use apalis::prelude::{BoxDynError, Monitor, WorkerBuilder};
use sea_orm::{
    ConnectOptions, Database,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use serde_json::json;
use syncline_migration::{Migrator, Until};
use syncline_queue::{Backend, LeasedJob, NewJob, Outcome, QueueSource, SourceConfig, SqlBackend};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let jobs: usize = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let concurrency: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;

    let folder = tempfile::tempdir()?;
    let mut options =
        ConnectOptions::new(format!("sqlite://{}?mode=rwc", folder.path().join("bench.db").display()));
    options.max_connections(4).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| {
        sqlite
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(20))
    });
    let db = Database::connect(options).await?;
    Migrator::new().up(&db, &Until::End).await?;
    let backend: Arc<dyn Backend> = Arc::new(SqlBackend::new(db));

    let new_jobs: Vec<_> =
        (0..jobs).map(|n| NewJob::new("bench", json!({ "n": n, "pad": "x".repeat(150) }))).collect();
    let started = Instant::now();
    backend.push(&new_jobs).await?;
    report("push, in bulk", jobs, started.elapsed())?;

    let (done, finished) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (counter, all_done, source) = (Arc::clone(&done), Arc::clone(&finished), Arc::clone(&backend));
    let monitor = Monitor::new().register(move |_| {
        let (counter, all_done) = (Arc::clone(&counter), Arc::clone(&all_done));
        let config = SourceConfig { concurrency, ..SourceConfig::new("default", "bench") };
        WorkerBuilder::new("bench").backend(QueueSource::new(Arc::clone(&source), config)).build(
            move |_job: LeasedJob| {
                counter.fetch_add(1, Ordering::Relaxed);
                all_done.notify_one();
                async { Ok::<_, BoxDynError>(Outcome::Done) }
            },
        )
    });
    let started = Instant::now();
    let (count, queue) = (Arc::clone(&done), Arc::clone(&backend));
    let signal = async move {
        while count.load(Ordering::Relaxed) < jobs {
            finished.notified().await;
        }
        let elapsed = started.elapsed();
        report(&format!("drain, concurrency {concurrency}"), jobs, elapsed)?;
        let mut waits = Vec::new();
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let (before, pushed) = (count.load(Ordering::Relaxed), Instant::now());
            queue.push(&[NewJob::new("bench", json!({}))]).await.map_err(io::Error::other)?;
            while count.load(Ordering::Relaxed) == before {
                finished.notified().await;
            }
            waits.push(pushed.elapsed());
        }
        waits.sort();
        writeln!(io::stdout(), "push to start when idle: median {:?}, worst {:?}", waits[25], waits[49])
    };
    monitor.run_with_signal(signal).await?;
    Ok(())
}

fn report(what: &str, jobs: usize, elapsed: Duration) -> io::Result<()> {
    writeln!(io::stdout(), "{what}: {:.0} jobs/s", jobs as f64 / elapsed.as_secs_f64())
}
