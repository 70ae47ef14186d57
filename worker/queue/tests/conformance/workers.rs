//! Tests of real workers: apalis' builder and monitor over our source.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use apalis::prelude::{
    AbortError, BoxDynError, Monitor, ParallelizeExt, RetryAfterError, WorkerBuilder, WorkerBuilderExt,
};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::json;
use syncline_queue::{
    Backend, Cancelled, Concurrency, Health, LeasedJob, NewJob, Next, Outcome, Priority, QueueSource,
    Settled, SourceConfig, SourceEvent, State,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{QUEUE, SHORT, claim, eventually, job, request};
use crate::support::Stage;

pub(crate) type Answer = Result<Outcome, BoxDynError>;
type Handler = Arc<dyn Fn(LeasedJob) -> BoxFuture<'static, Answer> + Send + Sync>;

/// A running worker and the events of its source.
pub(crate) struct Worker {
    stop: Option<oneshot::Sender<()>>,
    handle: JoinHandle<()>,
    events: mpsc::UnboundedReceiver<SourceEvent>,
    pub(crate) health: Health,
}

pub(crate) fn config(worker_id: &str) -> SourceConfig {
    SourceConfig { rescue_interval: Duration::from_millis(100), ..SourceConfig::new(QUEUE, worker_id) }
}

fn start<F>(
    stage: &Stage,
    config: SourceConfig,
    handler: impl Fn(LeasedJob) -> F + Send + Sync + 'static,
) -> Worker
where
    F: Future<Output = Answer> + Send + 'static,
{
    start_on(Arc::clone(&stage.backend), config, handler)
}

pub(crate) fn start_on<F>(
    backend: Arc<dyn Backend>,
    config: SourceConfig,
    handler: impl Fn(LeasedJob) -> F + Send + Sync + 'static,
) -> Worker
where
    F: Future<Output = Answer> + Send + 'static,
{
    start_with(backend, config, Semaphore::MAX_PERMITS, handler)
}

/// Starts a worker that limits its own concurrency.
fn start_with<F>(
    backend: Arc<dyn Backend>,
    config: SourceConfig,
    at_once: usize,
    handler: impl Fn(LeasedJob) -> F + Send + Sync + 'static,
) -> Worker
where
    F: Future<Output = Answer> + Send + 'static,
{
    let handler: Handler = Arc::new(move |leased| handler(leased).boxed());
    let (reports, health) = std::sync::mpsc::channel();
    let (sender, events) = mpsc::unbounded_channel();
    let observer = Arc::new(move |event: &SourceEvent| {
        let _ = sender.send(event.clone());
    });
    let config = SourceConfig { observer: Some(observer), ..config };
    let (stop, stopped) = oneshot::channel();
    let monitor = Monitor::new().register(move |_| {
        let source = QueueSource::new(Arc::clone(&backend), config.clone());
        let _ = reports.send(source.health());
        let handler = Arc::clone(&handler);
        WorkerBuilder::new(config.worker_id.as_str())
            .backend(source)
            .concurrency(at_once)
            .parallelize(tokio::spawn)
            .build(move |leased: LeasedJob| handler(leased))
    });
    let signal = async move {
        let _ = stopped.await;
        Ok::<_, io::Error>(())
    };
    let handle = tokio::spawn(async move { monitor.run_with_signal(signal).await.expect("the monitor") });
    Worker { stop: Some(stop), handle, events, health: health.recv().expect("a source") }
}

impl Worker {
    /// Waits for the next settlement.
    pub(crate) async fn settled(&mut self) -> (Outcome, Settled) {
        loop {
            if let SourceEvent::Settled { outcome, settled, .. } = self.event().await {
                return (outcome, settled);
            }
        }
    }

    pub(crate) async fn event(&mut self) -> SourceEvent {
        timeout(Duration::from_secs(30), self.events.recv())
            .await
            .expect("an event in time")
            .expect("an event")
    }

    fn ask_to_stop(&mut self) {
        self.stop.take().expect("once").send(()).expect("a running worker");
    }

    async fn stopped(self) {
        timeout(Duration::from_secs(30), self.handle).await.expect("an end in time").expect("no panic");
    }

    pub(crate) async fn stop(mut self) {
        self.ask_to_stop();
        self.stopped().await;
    }
}

/// Counts how often each kind ran.
#[derive(Clone, Default)]
struct Runs(Arc<Mutex<HashMap<String, usize>>>);

impl Runs {
    fn note(&self, leased: &LeasedJob) {
        *self.0.lock().expect("a count").entry(leased.job.kind.clone()).or_default() += 1;
    }

    fn of(&self, kind: &str) -> usize {
        self.0.lock().expect("a count").get(kind).copied().unwrap_or(0)
    }
}

pub(crate) async fn four_workers_run_each_job_once(stage: &Stage) {
    const JOBS: usize = 500;
    let (runs, total) = (Runs::default(), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..4)
        .map(|n| {
            let (runs, total) = (runs.clone(), Arc::clone(&total));
            let config = SourceConfig { concurrency: 16, ..config(&format!("worker {n}")) };
            start(stage, config, move |leased| {
                runs.note(&leased);
                total.fetch_add(1, Ordering::SeqCst);
                async { Ok(Outcome::Done) }
            })
        })
        .collect();
    let jobs: Vec<_> = (0..4 * JOBS)
        .map(|n| {
            let key = (n % 10 == 0).then(|| format!("sync {}", n % 50));
            NewJob { concurrency: key.map(Concurrency::one), ..job(&n.to_string()) }
        })
        .collect();
    for chunk in jobs.chunks(JOBS) {
        stage.backend.push(chunk).await.expect("a push");
    }
    eventually("an empty queue", || async {
        stage.backend.counts(QUEUE).await.expect("counts").is_empty().then_some(())
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(total.load(Ordering::SeqCst), 4 * JOBS);
    assert!(jobs.iter().all(|job| runs.of(&job.kind) == 1));
}

pub(crate) async fn a_job_may_outlive_many_leases(stage: &Stage) {
    let runs = Runs::default();
    let config = SourceConfig { lease: SHORT, ..config("worker") };
    let mut workers =
        [config.clone(), SourceConfig { worker_id: "other".to_owned(), ..config }].map(|config| {
            let runs = runs.clone();
            start(stage, config, move |leased| {
                runs.note(&leased);
                async move {
                    let until = Instant::now() + SHORT * 5;
                    while Instant::now() < until {
                        assert!(leased.lease.valid());
                        tokio::time::sleep(SHORT / 10).await;
                    }
                    Ok(Outcome::Done)
                }
            })
        });
    stage.backend.push(&[job("long")]).await.expect("a push");
    let [first, second] = &mut workers;
    let settled = tokio::select! {
        settled = first.settled() => settled,
        settled = second.settled() => settled,
    };
    assert_eq!(settled, (Outcome::Done, Settled::Applied(Next::Gone)));
    assert_eq!(runs.of("long"), 1);
    for worker in workers {
        worker.stop().await;
    }
}

pub(crate) async fn a_blocked_thread_keeps_its_lease(stage: &Stage) {
    let runs = Runs::default();
    let noted = runs.clone();
    let config = SourceConfig { lease: SHORT, ..config("worker") };
    let mut worker = start(stage, config, move |leased| {
        noted.note(&leased);
        async move {
            // Blocks both threads of this test's runtime.
            std::thread::sleep(SHORT * 3);
            assert!(leased.lease.valid());
            Ok(Outcome::Done)
        }
    });
    // Meanwhile another process rescues leases, in a runtime that is not blocked.
    let shared = Arc::clone(&stage.backend);
    let (stop, stopped) = oneshot::channel::<()>();
    let rescuer = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let backend = shared.own_connection().await.expect("a connection").expect("a connection");
            let mut stopped = stopped;
            let mut rescued = Vec::new();
            while timeout(Duration::from_millis(20), &mut stopped).await.is_err() {
                rescued.extend(backend.rescue().await.expect("a rescue"));
            }
            rescued
        })
    });
    stage.backend.push(&[job("one"), job("two"), job("three")]).await.expect("a push");
    for _ in 0..3 {
        assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    }
    stop.send(()).expect("the rescuer");
    assert_eq!(rescuer.join().expect("the rescuer"), []);
    assert_eq!([runs.of("one"), runs.of("two"), runs.of("three")], [1; 3]);
    worker.stop().await;
}

pub(crate) async fn a_panic_is_a_failed_attempt(stage: &Stage) {
    let mut worker = start(stage, config("worker"), |_| async { panic!("out of cheese") });
    let doomed = NewJob { max_attempts: 2, ..job("doomed") };
    stage.backend.push(std::slice::from_ref(&doomed)).await.expect("a push");
    let (outcome, settled) = worker.settled().await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    assert_eq!(settled, Settled::Applied(Next::Waiting { delay: Duration::ZERO }));
    let (_, settled) = worker.settled().await;
    assert_eq!(settled, Settled::Applied(Next::Dead { reason: "failed 2 times".to_owned() }));
    let stored = stage.backend.get(doomed.id).await.expect("a look").expect("the job");
    assert!(stored.last_error.expect("an error").contains("out of cheese"));
    worker.stop().await;
}

/// Returns a handler that reports its start and runs until it is released.
fn gated() -> (mpsc::UnboundedReceiver<LeasedJob>, Arc<tokio::sync::Semaphore>, Handler) {
    let (started, starts) = mpsc::unbounded_channel();
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let held = Arc::clone(&gate);
    let handler: Handler = Arc::new(move |leased: LeasedJob| {
        started.send(leased).expect("the test");
        let gate = Arc::clone(&held);
        async move {
            gate.acquire().await.expect("the gate").forget();
            Ok(Outcome::Done)
        }
        .boxed()
    });
    (starts, gate, handler)
}

async fn started(starts: &mut mpsc::UnboundedReceiver<LeasedJob>) -> LeasedJob {
    timeout(Duration::from_secs(30), starts.recv()).await.expect("a start in time").expect("a start")
}

async fn state_of(stage: &Stage, job: &NewJob) -> Option<State> {
    stage.backend.get(job.id).await.expect("a look").map(|job| job.state)
}

pub(crate) async fn unstarted_jobs_are_given_back(stage: &Stage) {
    let (mut starts, gate, handler) = gated();
    let config = SourceConfig { concurrency: 3, ..config("worker") };
    let mut worker = start_with(Arc::clone(&stage.backend), config, 1, move |leased| handler(leased));
    let jobs = [job("first"), job("second"), job("third"), job("fourth")];
    stage.backend.push(&jobs).await.expect("a push");
    assert_eq!(started(&mut starts).await.job.kind, "first");
    eventually("a claim for every slot", || async {
        (state_of(stage, &jobs[2]).await == Some(State::Running)).then_some(())
    })
    .await;
    assert_eq!(state_of(stage, &jobs[3]).await, Some(State::Waiting), "no more than it may");
    worker.ask_to_stop();
    eventually("the return", || async {
        (state_of(stage, &jobs[2]).await == Some(State::Waiting)).then_some(())
    })
    .await;
    gate.add_permits(1);
    worker.stopped().await;
    assert_eq!(state_of(stage, &jobs[0]).await, None, "the settlement was stored before the end");
    let back = claim(&*stage.backend, 9).await;
    let seen: Vec<_> = back.iter().map(|job| (job.kind.as_str(), job.attempt)).collect();
    assert_eq!(seen, [("second", 1), ("third", 1), ("fourth", 1)]);
}

pub(crate) async fn a_draining_worker_claims_nothing(stage: &Stage) {
    let (mut starts, gate, handler) = gated();
    let mut worker =
        start(stage, SourceConfig { concurrency: 2, ..config("worker") }, move |leased| handler(leased));
    stage.backend.push(&[job("one"), job("two")]).await.expect("a push");
    started(&mut starts).await;
    started(&mut starts).await;
    worker.ask_to_stop();
    let late = job("late");
    stage.backend.push(std::slice::from_ref(&late)).await.expect("a push");
    gate.add_permits(1);
    assert_eq!(worker.settled().await.1, Settled::Applied(Next::Gone));
    assert_eq!(state_of(stage, &late).await, Some(State::Waiting));
    gate.add_permits(1);
    worker.stopped().await;
    let stored = stage.backend.get(late.id).await.expect("a look").expect("the job");
    assert_eq!((stored.state, stored.attempt), (State::Waiting, 0));
}

pub(crate) async fn a_cancelled_job_is_notified(stage: &Stage) {
    let (started, mut starts) = mpsc::unbounded_channel();
    let mut worker = start(stage, config("worker"), move |leased| {
        started.send(()).expect("the test");
        async move {
            leased.lease.cancelled().await;
            assert!(leased.lease.cancel_requested() && leased.lease.valid());
            Ok(Outcome::Cancelled)
        }
    });
    let unwanted = job("unwanted");
    stage.backend.push(std::slice::from_ref(&unwanted)).await.expect("a push");
    starts.recv().await.expect("a start");
    let asked = Instant::now();
    assert_eq!(stage.backend.cancel(unwanted.id).await.expect("a cancel"), Cancelled::Requested);
    assert_eq!(worker.settled().await, (Outcome::Cancelled, Settled::Applied(Next::Gone)));
    assert!(asked.elapsed() < Duration::from_secs(5), "long before the next renewal is due");
    worker.stop().await;
}

pub(crate) async fn a_lost_lease_stops_its_job(stage: &Stage) {
    let (started, mut starts) = mpsc::unbounded_channel();
    let lease = SHORT;
    // The workers of these tests rescue leases themselves; this one must not.
    let quiet = SourceConfig { lease, rescue_interval: Duration::from_secs(600), ..config("worker") };
    let quiet = SourceConfig { concurrency: 1, ..quiet };
    let mut worker = start(stage, quiet, move |leased| {
        started.send(leased.clone()).expect("the test");
        async move {
            leased.lease.cancelled().await;
            assert!(leased.lease.is_lost() && !leased.lease.valid() && !leased.lease.cancel_requested());
            assert!(!leased.lease.progress(&json!("still here")).await.expect("progress"));
            Ok(Outcome::Done)
        }
    });
    stage.backend.push(&[NewJob { max_attempts: 1, ..job("job") }]).await.expect("a push");
    let running = starts.recv().await.expect("a start");
    // As if the worker's lease had run out and the job had been settled by another one.
    stage.hooks.outdo(running.job.id).await;
    assert_eq!(worker.event().await, SourceEvent::LeaseLost(running.lease.claim()));
    assert_eq!(worker.settled().await, (Outcome::Done, Settled::Stale));
    worker.stop().await;
}

pub(crate) async fn a_push_wakes_an_idle_worker(stage: &Stage) {
    let far = SourceConfig { poll_interval: Duration::from_secs(600), ..config("worker") };
    let mut worker = start(stage, far, |_| async { Ok(Outcome::Done) });
    for round in 0..5 {
        let pushed = Instant::now();
        // In every second round it is due a little later, and no wake-up comes for it.
        let delay = Duration::from_millis(if round % 2 == 0 { 0 } else { 150 });
        stage.backend.push(&[NewJob { delay, ..job("job") }]).await.expect("a push");
        assert_eq!(worker.settled().await.1, Settled::Applied(Next::Gone));
        assert!(pushed.elapsed() < Duration::from_secs(20), "{:?}", pushed.elapsed());
    }
    worker.stop().await;
}

pub(crate) async fn low_priority_starts_within_its_bound(stage: &Stage) {
    let (backend, ran) = (Arc::clone(&stage.backend), Runs::default());
    let noted = ran.clone();
    // Long enough for the first claims, which open connections.
    let config = SourceConfig { concurrency: 1, overdue: SHORT * 5, ..config("worker") };
    let worker = start(stage, config, move |leased| {
        noted.note(&leased);
        let backend = Arc::clone(&backend);
        async move {
            // Keep urgent jobs waiting.
            if leased.job.kind == "urgent" {
                let urgent = NewJob { priority: Priority::Critical, ..job("urgent") };
                backend.push(&[urgent]).await?;
            }
            Ok(Outcome::Done)
        }
    });
    let urgent = || NewJob { priority: Priority::Critical, ..job("urgent") };
    let low = NewJob { priority: Priority::Low, ..job("low") };
    stage.backend.push(&[urgent(), urgent(), low]).await.expect("a push");
    eventually("the low one", || async { (ran.of("low") == 1).then_some(()) }).await;
    assert!(ran.of("urgent") > 2);
    worker.stop().await;
}

pub(crate) async fn errors_map_to_outcomes(stage: &Stage) {
    let mut worker = start(stage, SourceConfig { concurrency: 1, ..config("worker") }, |leased| async move {
        match leased.job.kind.as_str() {
            "abort" => Err(AbortError::new("no such item").into()),
            "later" => Err(RetryAfterError::new("slow down", Duration::from_secs(60)).into()),
            _ => Err("down".into()),
        }
    });
    stage.backend.push(&[job("abort"), job("later")]).await.expect("a push");
    let (_, settled) = worker.settled().await;
    assert_eq!(settled, Settled::Applied(Next::Dead { reason: "aborted".to_owned() }));
    let (_, settled) = worker.settled().await;
    assert_eq!(settled, Settled::Applied(Next::Waiting { delay: Duration::from_secs(60) }));
    let failing = NewJob { max_attempts: 1, ..job("fails") };
    stage.backend.push(&[failing]).await.expect("a push");
    let (outcome, settled) = worker.settled().await;
    assert_eq!(outcome, Outcome::Retry { error: "down".to_owned(), at_least: None });
    assert_eq!(settled, Settled::Applied(Next::Dead { reason: "failed 1 times".to_owned() }));
    worker.stop().await;
}

pub(crate) async fn a_dropped_worker_releases_its_jobs(stage: &Stage) {
    let (mut starts, _gate, handler) = gated();
    let config = SourceConfig { lease: SHORT, ..config("worker") };
    let worker = start(stage, config, move |leased| handler(leased));
    stage.backend.push(&[job("job")]).await.expect("a push");
    let running = started(&mut starts).await;
    worker.handle.abort();
    eventually("the rescue", || async {
        stage
            .backend
            .rescue()
            .await
            .expect("a rescue")
            .first()
            .map(|rescued| assert_eq!(rescued.id, running.job.id))
    })
    .await;
    assert!(!running.lease.valid(), "the aborted worker's lease has run out");
    let again = stage.backend.claim(&request(1, SHORT)).await.expect("a claim").jobs.remove(0);
    assert_eq!(again.attempt, 2);
}

pub(crate) async fn a_settlement_can_be_held_up(stage: &Stage) {
    let (reached, mut reaches) = mpsc::unbounded_channel();
    let hook = Arc::new(move |settlement: syncline_queue::Settlement| {
        reached.send(settlement).expect("the test");
        std::future::pending().boxed()
    });
    let config = SourceConfig { before_settle: Some(hook), lease: SHORT, ..config("worker") };
    let worker = start(stage, config, |_| async { Ok(Outcome::Done) });
    stage.backend.push(&[job("job")]).await.expect("a push");
    let settlement = reaches.recv().await.expect("a settlement");
    assert_eq!(settlement.outcome, Outcome::Done);
    // The handler has ended and the store does not know: the lease is kept.
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(stage.backend.rescue().await.expect("a rescue"), []);
    // The worker crashes here.
    worker.handle.abort();
    // The worker rescues leases itself until all of its tasks have ended.
    eventually("the rescue", || async {
        stage.backend.rescue().await.expect("a rescue");
        let stored = stage.backend.get(settlement.lease.id).await.expect("a look").expect("the job");
        (stored.state == State::Waiting).then_some(())
    })
    .await;
}
