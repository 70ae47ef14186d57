//! The stock storages of apalis, in the same phases as `phases.mjs`.
//!
//! `syncline-bench-apalis redis|redis-unlocked|postgres|sqlite URL PHASE NUMBERS...`

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use apalis::prelude::*;
use apalis_postgres::PostgresStorage;
use apalis_redis::RedisStorage;
use apalis_sqlite::SqliteStorage;
use serde_json::{Value, json};
use sqlx::{
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tokio::sync::Notify;

const CONCURRENCY: usize = 64;
const CHUNK: usize = 1000;
const QUEUE: &str = "bench";

fn payload(n: usize) -> Value {
    json!({ "n": n, "pad": "x".repeat(180) })
}

fn tell(name: &str, value: f64) {
    println!("{name} {value}");
}

fn rate(jobs: usize, since: Instant) -> f64 {
    jobs as f64 / since.elapsed().as_secs_f64()
}

/// What the handler reports to the phase.
#[derive(Clone, Default)]
struct Seen {
    done: Arc<AtomicUsize>,
    picked: Arc<Mutex<Option<Instant>>>,
    change: Arc<Notify>,
    goal: Arc<AtomicUsize>,
}

impl Seen {
    fn job(&self) {
        let now = Instant::now();
        let done = self.done.fetch_add(1, Ordering::AcqRel) + 1;
        if let Ok(mut picked) = self.picked.lock() {
            *picked = Some(now);
        }
        if done >= self.goal.load(Ordering::Acquire) {
            self.change.notify_one();
        }
    }

    async fn until(&self, goal: usize) {
        self.goal.store(goal, Ordering::Release);
        while self.done.load(Ordering::Acquire) < goal {
            let _ = tokio::time::timeout(Duration::from_millis(20), self.change.notified()).await;
        }
    }
}

/// Runs the phases on any storage. A macro, since the storages' types have no short bound in common.
macro_rules! drive {
    ($storage:expr, $source:expr, $phase:expr, $numbers:expr) => {{
        let (storage, source, numbers) = ($storage, $source, $numbers);
        let seen = Seen::default();
        let work = |seen: Seen| {
            let source = source.clone();
            tokio::spawn(async move {
                let monitor = Monitor::new().register(move |_| {
                    let seen = seen.clone();
                    WorkerBuilder::new(format!("bench-{}", std::process::id()))
                        .backend(source.clone())
                        .concurrency(CONCURRENCY)
                        .build(move |_: Value| {
                            seen.job();
                            async { Ok::<_, BoxDynError>(()) }
                        })
                });
                monitor.run().await
            })
        };
        match $phase {
            "push" => {
                let [one_by_one, producers, bulk] = numbers[..] else { bail!("push takes three numbers") };
                let mut pusher = storage.clone();
                let began = Instant::now();
                for n in 0..one_by_one {
                    pusher.push(payload(n)).await?;
                }
                tell("enqueue", rate(one_by_one, began));
                let began = Instant::now();
                let tasks: Vec<_> = (0..16)
                    .map(|_| {
                        let mut pusher = storage.clone();
                        tokio::spawn(async move {
                            for n in 0..producers / 16 {
                                pusher.push(payload(n)).await.map_err(|error| error.to_string())?;
                            }
                            Ok::<_, String>(())
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await?.map_err(anyhow::Error::msg)?;
                }
                tell("producers", rate(producers, began));
                let began = Instant::now();
                for first in (0..bulk).step_by(CHUNK) {
                    pusher.push_bulk((first..bulk.min(first + CHUNK)).map(payload).collect()).await?;
                }
                if bulk > 0 {
                    tell("bulk", rate(bulk, began));
                }
            }
            "drain" => {
                let jobs = *numbers.first().context("how many jobs")?;
                seen.goal.store(jobs, Ordering::Release);
                let began = Instant::now();
                let worker = work(seen.clone());
                tokio::select! {
                    () = seen.until(jobs) => {}
                    ended = worker => bail!("the worker ended after {}: {ended:?}", seen.done.load(Ordering::Acquire)),
                }
                tell("drain", rate(jobs, began));
                tell("memory", peak_mib()?);
            }
            "pickup" => {
                let mut pusher = storage.clone();
                let worker = work(seen.clone());
                tokio::time::sleep(Duration::from_secs(1)).await;
                for n in 0..*numbers.first().context("how many samples")? {
                    let began = Instant::now();
                    seen.goal.store(n + 1, Ordering::Release);
                    pusher.push(payload(n)).await?;
                    seen.until(n + 1).await;
                    let picked = seen.picked.lock().ok().and_then(|picked| *picked).unwrap_or_else(Instant::now);
                    tell("pickup", (picked - began).as_secs_f64() * 1000.0);
                    tokio::time::sleep(Duration::from_millis(10 + (n as u64 * 7) % 10)).await;
                    if worker.is_finished() {
                        bail!("the worker ended");
                    }
                }
            }
            "idle" => {
                let _worker = work(seen.clone());
                tokio::time::sleep(Duration::from_secs(*numbers.first().context("seconds")? as u64)).await;
            }
            other => bail!("no phase {other:?}"),
        }
    }};
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, url, phase, numbers @ ..] = &arguments[..] else { bail!("STORE URL PHASE NUMBERS...") };
    let numbers: Vec<usize> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
    match &**store {
        "redis" | "redis-unlocked" => {
            let connection = apalis_redis::connect(url.as_str()).await?;
            let config = apalis_redis::Config::default()
                .queue(QUEUE)
                .batch_size(CONCURRENCY)
                .lock_tasks(store == "redis");
            let storage = RedisStorage::<Value>::new(connection).with_config(config);
            drive!(storage.clone(), storage.clone(), &**phase, numbers)
        }
        "postgres" => {
            let pool = PgPoolOptions::new().max_connections(20).connect(url).await?;
            PostgresStorage::setup(&pool).await?;
            let config = apalis_postgres::Config::default().queue(QUEUE).batch_size(CONCURRENCY);
            let storage = PostgresStorage::<Value>::new(&pool).with_config(config);
            drive!(storage.clone(), storage.clone(), &**phase, numbers)
        }
        "sqlite" => {
            // The set-up turns `synchronous` off on one connection; the others, which do the work, keep this setting.
            let options = SqliteConnectOptions::new()
                .filename(url)
                .create_if_missing(true)
                .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                .synchronous(sqlx::sqlite::SqliteSynchronous::Normal)
                .busy_timeout(Duration::from_secs(20));
            let setup = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
            SqliteStorage::setup(&setup).await?;
            setup.close().await;
            let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
            let config = apalis_sqlite::Config::default().queue(QUEUE).batch_size(CONCURRENCY);
            let storage = SqliteStorage::<Value>::new(&pool).with_config(config);
            drive!(storage.clone(), storage.clone(), &**phase, numbers)
        }
        other => bail!("no store {other:?}"),
    }
    // A worker that hangs at its end has printed its figures already.
    std::process::exit(0)
}

fn peak_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("a peak")?;
    let kib: f64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib / 1024.0)
}
