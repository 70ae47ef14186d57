//! Starts and closes the background tasks of a source.

use std::{future::Future, io, sync::Arc, time::Instant};

use chrono::Utc;
use tokio::{runtime::Handle, sync::Mutex, task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

use crate::{
    acknowledger::{Acknowledger, AcknowledgerHandle, Finished},
    backend::{Backend, Outcome, Settlement},
    config::SourceConfig,
    fetcher::{Fetcher, Gate},
    health::Health,
    job::{LeasedJob, Priority},
    keeper::{Keeper, KeeperHandle},
    lease::Lease,
    line::Line,
    meter::Meter,
    rescuer::Rescuer,
};

/// Shared by handlers and background tasks.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) line: Line,
    pub(crate) acknowledger: AcknowledgerHandle,
    pub(crate) keeper: KeeperHandle,
    pub(crate) meter: Arc<Meter>,
}

/// A source that has not started yet.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    backend: Arc<dyn Backend>,
    config: Arc<SourceConfig>,
    health: Health,
    closing: CancellationToken,
    keeper: Keeper,
    acknowledger: Acknowledger,
}

impl Parts {
    pub(crate) fn new(backend: Arc<dyn Backend>, config: SourceConfig, health: Health) -> Self {
        let config = Arc::new(config);
        let closing = CancellationToken::new();
        let meter = Arc::new(Meter::new(&config.queue));
        let (keeper_handle, keeper) =
            Keeper::new(Arc::clone(&backend), Arc::clone(&config), health.clone(), Arc::clone(&meter));
        let (acknowledger_handle, acknowledger) = Acknowledger::new(
            Arc::clone(&backend),
            Arc::clone(&config),
            keeper_handle.clone(),
            health.clone(),
            Arc::clone(&meter),
            closing.clone(),
        );
        let shared = Shared {
            line: Line::new(config.concurrency.max(1)),
            acknowledger: acknowledger_handle,
            keeper: keeper_handle,
            meter,
        };
        Self { shared: Arc::new(shared), backend, config, health, closing, keeper, acknowledger }
    }

    /// Starts all tasks; `gate` returns what the worker wants.
    pub(crate) fn start(
        self,
        runtime: &Handle,
        gate: Box<dyn Fn() -> Gate + Send + Sync>,
    ) -> io::Result<Running> {
        self.keeper.start(self.config.tasks.clone(), self.closing.clone())?;
        let fetcher = Fetcher {
            backend: Arc::clone(&self.backend),
            config: Arc::clone(&self.config),
            shared: Arc::clone(&self.shared),
            health: self.health.clone(),
            gate,
            closing: self.closing.clone(),
        };
        let (tasks, closing) = (self.config.tasks.clone(), self.closing.clone());
        let fetcher = runtime.spawn(async move {
            // It also ends in order when the worker stops, before the source closes.
            let run = || async {
                fetcher.run().await;
                closing.cancelled().await;
            };
            tasks.keep("fetcher", &closing, run).await;
        });
        let acknowledger = Mutex::new(self.acknowledger);
        let (tasks, closing) = (self.config.tasks.clone(), self.closing.clone());
        runtime.spawn(async move {
            let run = || async { acknowledger.lock().await.run().await };
            tasks.keep("acknowledger", &closing, run).await;
        });
        let rescuer = Rescuer {
            backend: self.backend,
            config: Arc::clone(&self.config),
            health: self.health,
            meter: Arc::clone(&self.shared.meter),
            closing: self.closing.clone(),
        };
        let (tasks, closing) = (self.config.tasks.clone(), self.closing.clone());
        runtime.spawn(async move { tasks.keep("rescuer", &closing, || rescuer.run()).await });
        Ok(Running {
            shared: self.shared,
            config: self.config,
            closing: self.closing,
            fetcher: Some(fetcher),
        })
    }
}

/// A started source. If it is dropped without [`Running::close`], its tasks still give back jobs and store outcomes as
/// far as they can.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    config: Arc<SourceConfig>,
    closing: CancellationToken,
    fetcher: Option<JoinHandle<()>>,
}

impl Running {
    /// Gives back the jobs that were not started, stores outcomes, and stops renewals. Bounded in time; the rest is
    /// left to the leases, as after a crash.
    pub(crate) fn close(&mut self) -> impl Future<Output = ()> + Send + use<> {
        self.closing.cancel();
        let fetcher = self.fetcher.take();
        let (shared, patience) = (Arc::clone(&self.shared), self.config.close_timeout);
        async move {
            let orderly = async {
                if let Some(fetcher) = fetcher {
                    let _ = fetcher.await;
                }
                shared.acknowledger.flush().await;
            };
            if time::timeout(patience, orderly).await.is_err() {
                tracing::warn!("the queue's source closes before the store has everything");
            }
            shared.keeper.stop();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.closing.cancel();
        self.shared.keeper.stop();
    }
}

/// A job whose handler runs. It is settled once. If it is dropped before that, its lease is left to run out, since the
/// handler may still be running elsewhere.
#[derive(Debug)]
pub(crate) struct Started {
    shared: Arc<Shared>,
    lease: Lease,
    priority: Priority,
    began: Instant,
    settled: bool,
}

impl Started {
    pub(crate) fn new(shared: Arc<Shared>, leased: &LeasedJob) -> Self {
        let (lease, priority) = (leased.lease.clone(), leased.job.priority);
        // The due time is by the store's clock and `now` by this machine's, so the wait includes their difference.
        let waited = (Utc::now() - leased.job.run_at).to_std().unwrap_or_default();
        shared.meter.started(priority, waited);
        Self { shared, lease, priority, began: Instant::now(), settled: false }
    }

    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.settled = true;
        self.lease.finish();
        self.shared.meter.ended(self.priority, self.began.elapsed());
        if self.lease.is_interrupted() && matches!(outcome, Outcome::Snooze { .. }) {
            self.shared.acknowledger.give_back(self.lease.claim());
            return;
        }
        let settlement = Settlement { lease: self.lease.claim(), outcome };
        self.shared.acknowledger.settle(Finished { settlement, priority: self.priority });
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if !self.settled {
            tracing::warn!(job = %self.lease.claim(), "the job's handler was dropped; its lease will run out");
            self.shared.keeper.forget(vec![self.lease.claim()]);
        }
        self.shared.line.free();
    }
}
