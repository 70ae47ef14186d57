//! The worker pool: apalis over our queue.

use std::{io, sync::Arc, time::Duration};

use apalis::prelude::{BoxDynError, Monitor, ParallelizeExt, WorkerBuilder};
use syncline_queue::{
    Backend, Health, LeasedJob, Next, QueueSource, Rescued, SourceConfig, SourceEvent, SqlBackend,
    outbox::RUN_QUEUE,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    environment::Environment,
    handlers, local, maintenance,
    registry::{Registration, RunningJobs},
    runs, schedule, stats,
};

/// How a pool works.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Jobs at once.
    pub concurrency: usize,
    /// How long a claim holds without renewal.
    pub lease: Duration,
    /// How long to wait before looking again when nothing woke the pool.
    pub poll_interval: Duration,
    /// Only jobs of this concurrency key; for a command that waits for one sync.
    pub only: Option<String>,
    /// Fire schedules too.
    pub schedules: bool,
    /// Hear at once of what other processes put in the queue; takes a connection of its own on PostgreSQL.
    pub listen: bool,
    /// How long running jobs may take to end at shutdown.
    pub grace: Duration,
    /// How often it says in `workers` that it lives.
    pub heartbeat: Duration,
    /// Which command this is, for people who list workers.
    pub role: String,
    /// The newest migration that this program knows.
    pub schema_version: String,
    /// Notified whenever a job of this pool has left its hands, for whoever waits for one.
    pub settled: Option<Arc<Notify>>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            concurrency: 4,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_secs(1),
            only: None,
            schedules: true,
            listen: true,
            grace: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            role: "worker".to_owned(),
            schema_version: String::new(),
            settled: None,
        }
    }
}

/// Runs jobs until shutdown, and is registered for as long. `health` is told how the queue is reached.
pub async fn run(
    environment: Environment,
    config: PoolConfig,
    shutdown: CancellationToken,
    health: impl Fn(Health) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let registration = Registration::enter(&environment, &config, shutdown.clone()).await;
    let ended = work(environment, config, registration.running(), shutdown, health).await;
    registration.leave().await;
    ended
}

async fn work(
    environment: Environment,
    config: PoolConfig,
    running: RunningJobs,
    shutdown: CancellationToken,
    health: impl Fn(Health) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let statistics = tokio::spawn(stats::run(environment.clone(), shutdown.clone()));
    let schedules =
        config.schedules.then(|| tokio::spawn(schedule::run(environment.clone(), shutdown.clone())));
    let maintenance =
        config.schedules.then(|| tokio::spawn(maintenance::run(environment.clone(), shutdown.clone())));
    if let Err(error) = local::take_over_from_the_dead(&environment).await {
        // Then their leases decide.
        tracing::warn!(%error, "could not look for runs of dead workers");
    }
    let over = CancellationToken::new();
    let _ended = over.clone().drop_guard();
    if config.listen {
        tokio::spawn(listen(environment.queue.clone(), over));
    }
    let source_config = source_config(&environment, &config);
    let backend: Arc<dyn Backend> = Arc::new(environment.queue.clone());
    let environment = Arc::new(environment);
    let worker = environment.worker.clone();
    let grace = config.grace;
    let drained = async move { tokio::time::sleep(grace).await };
    let monitor = Monitor::new().with_terminator(drained).register(move |_| {
        let source = QueueSource::new(Arc::clone(&backend), source_config.clone());
        health(source.health());
        let (environment, running) = (Arc::clone(&environment), running.clone());
        WorkerBuilder::new(worker.as_str()).backend(source).parallelize(tokio::spawn).build(
            move |leased: LeasedJob| {
                let (environment, running) = (Arc::clone(&environment), running.begin());
                async move {
                    let ended = handlers::handle(environment, leased).await.map_err(BoxDynError::from);
                    drop(running);
                    ended
                }
            },
        )
    });
    let signal = async move {
        shutdown.cancelled().await;
        Ok::<_, io::Error>(())
    };
    monitor.run_with_signal(signal).await?;
    for task in schedules.into_iter().chain(maintenance) {
        task.await?;
    }
    statistics.await?;
    Ok(())
}

async fn listen(queue: SqlBackend, over: CancellationToken) {
    tokio::select! {
        () = over.cancelled() => {}
        () = queue.listen(RUN_QUEUE) => {}
    }
}

fn source_config(environment: &Environment, config: &PoolConfig) -> SourceConfig {
    let mut source = SourceConfig::new(RUN_QUEUE, environment.worker.as_str());
    source.concurrency = config.concurrency;
    source.lease = config.lease;
    source.poll_interval = config.poll_interval;
    // A lease that ran out is noticed within a third of its length.
    source.rescue_interval = (config.lease / 3).clamp(Duration::from_millis(100), Duration::from_secs(5));
    source.concurrency_key = config.only.clone();
    if let Some(stop_at) = environment.stop_at.clone() {
        source.before_settle = Some(Arc::new(move |_| {
            let stop_at = Arc::clone(&stop_at);
            Box::pin(async move { stop_at.reached("acknowledged").await })
        }));
    }
    let observed = environment.clone();
    let settled = config.settled.clone();
    source.observer = Some(Arc::new(move |event| {
        observe(&observed, event);
        if let (Some(settled), SourceEvent::Settled { .. }) = (&settled, event) {
            settled.notify_one();
        }
    }));
    source
}

/// A job that died with its worker ends its run, too.
fn observe(environment: &Environment, event: &SourceEvent) {
    let dead = match event {
        SourceEvent::Rescued(Rescued { id, next: Next::Dead { reason } }) => {
            let text = format!(
                "given up: whichever worker ran it died or could not renew its lease ({reason}); look at the workers' logs, \
                 then run the sync again, with more max_retries or a longer lease if the machine is only slow"
            );
            Some((*id, text))
        }
        SourceEvent::Settled {
            lease,
            settled: syncline_queue::Settled::Applied(Next::Dead { reason }),
            ..
        } => Some((lease.id, reason.clone())),
        _ => None,
    };
    if let Some((run, reason)) = dead {
        metrics::counter!("sync_jobs_dead_total").increment(1);
        let environment = environment.clone();
        tokio::spawn(async move {
            if let Err(error) = runs::bury(&environment.db, run, &reason, environment.clock.now()).await {
                tracing::error!(%run, %error, "a dead run could not be closed");
            }
        });
    }
}
