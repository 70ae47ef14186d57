//! The phases of our queue, in a process of its own; the same as `peers/phases.mjs`, and one more.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use apalis::prelude::{BoxDynError, Monitor, WorkerBuilder};
use serde_json::{Value, json};
use syncline_queue::{
    Backend, ClaimRequest, LeasedJob, NewJob, Outcome, QueueSource, Settlement, SourceConfig, SourceEvent,
};
use tokio::sync::Notify;

use crate::{contenders::Store, figures::quantile, ours};

const QUEUE: &str = "bench";
const CONCURRENCY: usize = 64;
const CHUNK: usize = 1000;

pub(crate) async fn run(store: Store, url: &str, phase: &str, numbers: &[usize]) -> Result<()> {
    let queue = ours::open(store, url).await?;
    match (phase, numbers) {
        ("push", &[one_by_one, producers, bulk]) => push(&queue, one_by_one, producers, bulk).await,
        ("drain", &[jobs]) => drain(&queue, jobs).await,
        ("pickup", &[samples]) => pickup(store, url, &queue, samples).await,
        ("idle", &[seconds]) => {
            let _worker = work(&queue, Seen::default());
            tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
            Ok(())
        }
        ("fetch", waiting) => fetch(&queue, waiting).await,
        _ => bail!("no phase {phase:?} with {} numbers", numbers.len()),
    }
}

fn job(n: usize) -> NewJob {
    let payload: Value = json!({ "n": n, "pad": "x".repeat(180) });
    NewJob { queue: QUEUE.to_owned(), ..NewJob::new("job", payload) }
}

fn tell(name: &str, value: f64) {
    println!("{name} {value}");
}

fn rate(jobs: usize, since: Instant) -> f64 {
    jobs as f64 / since.elapsed().as_secs_f64()
}

async fn push(queue: &Arc<dyn Backend>, one_by_one: usize, producers: usize, bulk: usize) -> Result<()> {
    let began = Instant::now();
    for n in 0..one_by_one {
        queue.push(&[job(n)]).await?;
    }
    tell("enqueue", rate(one_by_one, began));

    let began = Instant::now();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let queue = Arc::clone(queue);
            tokio::spawn(async move {
                for n in 0..producers / 16 {
                    queue.push(&[job(n)]).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    tell("producers", rate(producers / 16 * 16, began));

    let began = Instant::now();
    fill(queue, bulk).await?;
    tell("bulk", rate(bulk, began));
    // The remainder of producers / 16, so that the drain finds the expected number.
    fill(queue, producers % 16).await
}

async fn fill(queue: &Arc<dyn Backend>, jobs: usize) -> Result<()> {
    for first in (0..jobs).step_by(CHUNK) {
        let jobs: Vec<_> = (first..jobs.min(first + CHUNK)).map(job).collect();
        queue.push(&jobs).await?;
    }
    Ok(())
}

/// What the worker reports to the phase.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Outcomes that are in the store.
    stored: Arc<AtomicUsize>,
    goal: Arc<AtomicUsize>,
    reached: Arc<Notify>,
    picked: Arc<Mutex<Option<Instant>>>,
    change: Arc<Notify>,
}

/// Starts a worker as in production: it renews leases, rescues jobs of dead workers and listens for other processes.
fn work(queue: &Arc<dyn Backend>, seen: Seen) -> tokio::task::JoinHandle<()> {
    let heard = Arc::clone(queue);
    tokio::spawn(async move { heard.listen(QUEUE).await });
    let queue = Arc::clone(queue);
    tokio::spawn(async move {
        let monitor = Monitor::new().register(move |_| {
            let mut config = SourceConfig::new(QUEUE, format!("bench-{}", std::process::id()));
            config.concurrency = CONCURRENCY;
            let settled = seen.clone();
            config.observer = Some(Arc::new(move |event| {
                if let SourceEvent::Settled { .. } = event {
                    let stored = settled.stored.fetch_add(1, Ordering::AcqRel) + 1;
                    if stored == settled.goal.load(Ordering::Acquire) {
                        settled.reached.notify_one();
                    }
                }
            }));
            let seen = seen.clone();
            let waits = seen.goal.load(Ordering::Acquire) == 0;
            WorkerBuilder::new("bench").backend(QueueSource::new(Arc::clone(&queue), config)).build(
                move |_: LeasedJob| {
                    if waits {
                        if let Ok(mut picked) = seen.picked.lock() {
                            *picked = Some(Instant::now());
                        }
                        seen.change.notify_one();
                    }
                    async { Ok::<_, BoxDynError>(Outcome::Done) }
                },
            )
        });
        if let Err(error) = monitor.run().await {
            eprintln!("the worker ended: {error}");
        }
    })
}

/// Counts a job when its outcome is in the store, and checks that none is left.
async fn drain(queue: &Arc<dyn Backend>, jobs: usize) -> Result<()> {
    let seen = Seen::default();
    seen.goal.store(jobs, Ordering::Release);
    let began = Instant::now();
    let _worker = work(queue, seen.clone());
    seen.reached.notified().await;
    tell("drain", rate(jobs, began));
    let left: u64 = queue.counts(QUEUE).await?.iter().map(|count| count.jobs).sum();
    ensure!(left == 0, "{left} jobs are left");
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a peak of memory")?;
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    tell("memory", kib / 1024.0);
    Ok(())
}

/// One instance pushes and another picks up, each with its own connections, like two replicas. On SQLite, which cannot
/// notify another process, it is one instance, as in a program that serves and works.
async fn pickup(store: Store, url: &str, pusher: &Arc<dyn Backend>, samples: usize) -> Result<()> {
    let seen = Seen::default();
    let other = if store == Store::Sqlite { Arc::clone(pusher) } else { ours::open(store, url).await? };
    let _worker = work(&other, seen.clone());
    tokio::time::sleep(Duration::from_secs(1)).await;
    for n in 0..samples {
        let began = Instant::now();
        pusher.push(&[job(n)]).await?;
        let picked = loop {
            if let Some(picked) = seen.picked.lock().ok().and_then(|mut picked| picked.take()) {
                break picked;
            }
            tokio::time::timeout(Duration::from_secs(30), seen.change.notified())
                .await
                .context("never picked up")?;
        };
        tell("pickup", (picked - began).as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(10 + (n as u64 * 7) % 10)).await;
    }
    Ok(())
}

/// Measures the median time of a claim of 64 jobs and its settlement, with so many jobs waiting.
async fn fetch(queue: &Arc<dyn Backend>, sizes: &[usize]) -> Result<()> {
    let mut held = 0;
    for &waiting in sizes {
        // Jobs of accepted runs, to which the limit of the queue does not apply.
        for first in (held..waiting).step_by(CHUNK) {
            let jobs: Vec<_> = (first..waiting.min(first + CHUNK)).map(job).collect();
            queue.put_back(&jobs).await?;
        }
        held = waiting;
        let mut times = Vec::new();
        for _ in 0..41 {
            let request = ClaimRequest {
                queue: QUEUE.to_owned(),
                worker_id: "bench".to_owned(),
                limit: CONCURRENCY,
                lease: Duration::from_secs(30),
                concurrency_key: None,
                overdue_by: None,
            };
            let began = Instant::now();
            let claimed = queue.claim(&request).await?;
            ensure!(claimed.jobs.len() == CONCURRENCY.min(waiting), "{} jobs claimed", claimed.jobs.len());
            let done: Vec<_> = claimed
                .jobs
                .iter()
                .map(|job| Settlement { lease: job.lease_ref(), outcome: Outcome::Done })
                .collect();
            queue.settle(&done).await?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            let again: Vec<_> = (0..claimed.jobs.len()).map(job).collect();
            queue.put_back(&again).await?;
        }
        tell("fetch", quantile(&times, 0.5).context("times")?);
    }
    Ok(())
}
