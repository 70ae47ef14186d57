//! The worker pool: apalis over our queue.

use std::{io, sync::Arc, time::Duration};

use anyhow::ensure;
use apalis::prelude::{BoxDynError, Monitor, ParallelizeExt, WorkerBuilder};
use futures_util::future::{BoxFuture, join_all};
use syncline_queue::{
    Backend, Health, LeasedJob, Next, Outcome, QueueSource, Rescued, Settled, SourceConfig, SourceEvent,
    chain,
};
use syncline_runs::RUN_QUEUE;
use syncline_upkeep::stats;
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinHandle},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    dispatcher,
    drain::{self, Drain},
    environment::Environment,
    intake, local, maintenance,
    roster::{Registration, RunningJobs},
    schedule,
};

/// Settings of a pool.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Jobs at once.
    pub concurrency: usize,
    /// How long a claim holds without renewal.
    pub lease: Duration,
    /// How long to wait before the next poll if nothing wakes the pool.
    pub poll_interval: Duration,
    /// Only jobs of this concurrency key; for a command that waits for one sync.
    pub only: Option<String>,
    /// Whether to fire schedules.
    pub schedules: bool,
    /// Whether to listen for jobs of other processes; uses a separate connection on PostgreSQL.
    pub listen: bool,
    /// A job that has been due for this long is claimed first, whatever its priority.
    pub overdue: Duration,
    /// How long running jobs may take to end at shutdown; then they are given back.
    pub grace: Duration,
    /// Interval of the heartbeat in `workers`.
    pub heartbeat: Duration,
    /// The command of the process, for lists of workers.
    pub role: String,
    /// The newest migration that this program knows.
    pub schema_version: String,
    /// Notified after each settled job of this pool.
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
            overdue: Duration::from_secs(60),
            grace: Duration::from_secs(30),
            heartbeat: Duration::from_secs(10),
            role: "worker".to_owned(),
            schema_version: String::new(),
            settled: None,
        }
    }
}

/// Runs jobs until shutdown; the worker is registered in `workers` meanwhile. `health` gets the health of the queue's
/// source.
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
    let background = background(&environment, &config, &shutdown);
    if let Err(error) = local::take_over_from_the_dead(&environment).await {
        // The leases of the dead then run out. The fetcher logs an outage of the queue's store.
        let is_away = error.downcast_ref::<syncline_queue::Error>().is_some_and(|error| error.is_temporary());
        if !is_away {
            tracing::warn!(error = chain(error.as_ref()), "could not look for runs of dead workers");
        }
    }
    let over = CancellationToken::new();
    let _ended = over.clone().drop_guard();
    if config.listen {
        let (backend, tasks) = (environment.queue.backend(), environment.tasks.clone());
        tokio::spawn(async move { tasks.keep("listener", &over, || listen(&*backend, &over)).await });
    }
    let source_config = source_config(&environment, &config);
    let backend = environment.queue.backend();
    let environment = Arc::new(environment);
    let worker = environment.worker.clone();
    let drain = Drain::default();
    let drained = drained(drain.clone(), config.grace);
    let monitor = Monitor::new().with_terminator(drained).register(move |_| {
        let source = QueueSource::new(Arc::clone(&backend), source_config.clone());
        health(source.health());
        let (environment, running, drain) = (Arc::clone(&environment), running.clone(), drain.clone());
        WorkerBuilder::new(worker.as_str()).backend(source).parallelize(tokio::spawn).build(
            move |leased: LeasedJob| {
                let (environment, running, drain) =
                    (Arc::clone(&environment), running.begin(), drain.clone());
                async move {
                    let ended = drain.run(environment, leased).await.map_err(BoxDynError::from);
                    drop(running);
                    ended
                }
            },
        )
    });
    let stops = shutdown.clone();
    let signal = async move {
        shutdown.cancelled().await;
        Ok::<_, io::Error>(())
    };
    monitor.run_with_signal(signal).await?;
    // The pool itself cannot be restarted: its claims on the queue are gone.
    ensure!(stops.is_cancelled(), "the worker pool ended by itself; start the process again");
    end_in_time(background).await;
    Ok(())
}

/// Returns when the grace time is over and interrupted jobs had [`drain::MOMENT`] to stop.
async fn drained(drain: Drain, grace: Duration) {
    tokio::time::sleep(grace).await;
    drain.interrupt();
    // A little longer than handlers have. The monitor ends earlier if all jobs end in time.
    tokio::time::sleep(drain::MOMENT + Duration::from_secs(1)).await;
    if !drain.is_idle() {
        tracing::warn!("some jobs could not be given back; their leases will run out");
    }
}

/// Listens until the pool is over. A store without notifications returns at once; this function waits nevertheless.
async fn listen(queue: &dyn Backend, over: &CancellationToken) {
    let listening = async {
        queue.listen(RUN_QUEUE).await;
        std::future::pending::<()>().await
    };
    over.run_until_cancelled(listening).await;
}

/// How long background tasks may take to end. Without a limit a database that does not answer would block the shutdown.
const TASKS_END: Duration = Duration::from_secs(5);

/// Waits for background tasks to end, and aborts those that do not.
async fn end_in_time(background: Vec<JoinHandle<()>>) {
    let aborts: Vec<_> = background.iter().map(JoinHandle::abort_handle).collect();
    if timeout(TASKS_END, join_all(background)).await.is_err() {
        tracing::warn!("background tasks wait for a store that does not answer; they are stopped");
        aborts.iter().for_each(AbortHandle::abort);
    }
}

/// A background task of a pool, by its name.
type Work = fn(Environment, CancellationToken) -> BoxFuture<'static, ()>;

/// Returns the background tasks of a pool.
fn background(
    environment: &Environment,
    config: &PoolConfig,
    shutdown: &CancellationToken,
) -> Vec<JoinHandle<()>> {
    let all: [(&'static str, bool, Work); 5] = [
        // Servers add runs that ended without statistics; a command adds its own run.
        ("statistics", config.schedules, |environment, shutdown| {
            Box::pin(stats::run(environment.db, shutdown))
        }),
        ("schedules", config.schedules, |environment, shutdown| {
            Box::pin(schedule::run(environment, shutdown))
        }),
        // A command that waits for its own run has pushed it into the database's queue itself.
        ("dispatcher", config.schedules || environment.queue.is_foreign(), |environment, shutdown| {
            Box::pin(dispatcher::run(environment, shutdown))
        }),
        ("inbox", config.schedules && environment.queue.inbox().is_some(), |environment, shutdown| {
            Box::pin(intake::run(environment, shutdown))
        }),
        ("maintenance", config.schedules, |environment, shutdown| {
            Box::pin(maintenance::run(environment, shutdown))
        }),
    ];
    let wanted = all.into_iter().filter(|(_, wanted, _)| *wanted);
    wanted
        .map(|(name, _, work)| {
            let (environment, shutdown) = (environment.clone(), shutdown.clone());
            let tasks = environment.tasks.clone();
            tokio::spawn(async move {
                let work = || work(environment.clone(), shutdown.clone());
                tasks.keep(name, &shutdown, work).await;
            })
        })
        .collect()
}

fn source_config(environment: &Environment, config: &PoolConfig) -> SourceConfig {
    let mut source = SourceConfig::new(RUN_QUEUE, environment.worker.as_str());
    source.concurrency = config.concurrency;
    source.lease = config.lease;
    source.poll_interval = config.poll_interval;
    source.overdue = config.overdue;
    // An expired lease is noticed within two seconds, since waits are drawn up to one and a half of this. A command
    // that waits for its own run checks less often.
    let often = Duration::from_millis(if config.schedules { 1_300 } else { 5_000 });
    source.rescue_interval = (config.lease / 5).clamp(Duration::from_millis(100), often);
    source.concurrency_key = config.only.clone();
    source.tasks = environment.tasks.clone();
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

/// Ends the run of a dead job and moves its dead letter to the run's row.
fn observe(environment: &Environment, event: &SourceEvent) {
    let dead = match event {
        SourceEvent::Rescued(Rescued { id, next: Next::Dead { reason } }) => {
            let text = format!(
                "given up: whichever worker ran it died or could not renew its lease ({reason}); look at the workers' logs, \
                 then run the sync again, with more max_retries or a longer lease if the machine is only slow"
            );
            Some((*id, reason.clone(), text))
        }
        SourceEvent::Settled { lease, outcome, settled: Settled::Applied(Next::Dead { reason }) } => {
            let error = match outcome {
                Outcome::Retry { error, .. } | Outcome::Dead { error, .. } => error.clone(),
                _ => reason.clone(),
            };
            Some((lease.id, reason.clone(), error))
        }
        SourceEvent::Rescued(Rescued { id, .. }) => {
            let (environment, run) = (environment.clone(), *id);
            tokio::spawn(async move { syncline_runs::tell_lost(&environment.db, run).await });
            None
        }
        _ => None,
    };
    if let Some((run, reason, error)) = dead {
        metrics::counter!("sync_jobs_dead_total").increment(1);
        let environment = environment.clone();
        tokio::spawn(async move {
            if let Err(failed) = environment.run_book().move_letter(run, &reason, &error).await {
                // The dispatcher pages through the queue's dead letters and tries again.
                tracing::warn!(%run, error = format!("{failed:#}"), "a dead run could not be noted yet");
            }
        });
    }
}
