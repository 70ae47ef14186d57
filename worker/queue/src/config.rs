//! The settings of a source of jobs.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use crate::{
    backend::{LeaseRef, Outcome, Rescued, Settled, Settlement},
    tasks::Tasks,
};

/// Called just before a settlement is sent to the store.
pub type BeforeSettle = Arc<dyn Fn(Settlement) -> BoxFuture<'static, ()> + Send + Sync>;

/// Called with each event of a source. It runs in the source's own tasks and must not block.
pub type Observer = Arc<dyn Fn(&SourceEvent) + Send + Sync>;

/// An event of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceEvent {
    /// The store has stored a job's outcome, or found the claim stale.
    Settled {
        /// The job and the token of its claim.
        lease: LeaseRef,
        /// The outcome of the attempt.
        outcome: Outcome,
        /// The store's result.
        settled: Settled,
    },
    /// An expired lease was found, of any worker.
    Rescued(Rescued),
    /// A job of this worker lost its lease while it ran.
    LeaseLost(LeaseRef),
}

/// The settings of one source: one queue for one worker.
#[derive(Clone)]
pub struct SourceConfig {
    /// The queue to claim from.
    pub queue: String,
    /// Shown with the jobs it runs; unique among running workers.
    pub worker_id: String,
    /// The most jobs at once. The source enforces it, with or without a concurrency layer.
    pub concurrency: usize,
    /// How long a claim holds without renewal. A lease is renewed after a third of it.
    pub lease: Duration,
    /// How long to wait for a wake-up before the next claim.
    pub poll_interval: Duration,
    /// The mean time between two searches for expired leases; each wait is drawn from half to one and a half times
    /// this.
    pub rescue_interval: Duration,
    /// A job that has been due for this long is claimed next, within about a second, whatever its priority.
    pub overdue: Duration,
    /// How long a closing source may take to give jobs back and to store outcomes.
    pub close_timeout: Duration,
    /// Only jobs of this concurrency key; for a command that waits for one sync.
    pub concurrency_key: Option<String>,
    /// For tests that stop a worker between a job's last effect and its settlement.
    pub before_settle: Option<BeforeSettle>,
    /// Receives the source's events, for metrics and for records of runs.
    pub observer: Option<Observer>,
    /// Runs and restarts the source's background tasks.
    pub tasks: Tasks,
}

impl SourceConfig {
    /// Creates the default settings: four jobs at once, a lease of thirty seconds, a poll each second.
    pub fn new(queue: impl Into<String>, worker_id: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            worker_id: worker_id.into(),
            concurrency: 4,
            lease: Duration::from_secs(30),
            poll_interval: Duration::from_secs(1),
            rescue_interval: Duration::from_secs(5),
            overdue: Duration::from_secs(60),
            close_timeout: Duration::from_secs(10),
            concurrency_key: None,
            before_settle: None,
            observer: None,
            tasks: Tasks::default(),
        }
    }

    pub(crate) fn observe(&self, event: &SourceEvent) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }
}

impl fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceConfig")
            .field("queue", &self.queue)
            .field("worker_id", &self.worker_id)
            .field("concurrency", &self.concurrency)
            .field("lease", &self.lease)
            .field("concurrency_key", &self.concurrency_key)
            .finish_non_exhaustive()
    }
}
