//! How a source of jobs behaves.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;

use crate::{
    backend::{LeaseRef, Outcome, Rescued, Settled, Settlement},
    tasks::Tasks,
};

/// Called just before a settlement is sent to the store.
pub type BeforeSettle = Arc<dyn Fn(Settlement) -> BoxFuture<'static, ()> + Send + Sync>;

/// Told what happens to jobs. It is called from the source's own tasks and must not block.
pub type Observer = Arc<dyn Fn(&SourceEvent) + Send + Sync>;

/// What a source of jobs saw.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceEvent {
    /// The store has the outcome of a job, or found its claim stale.
    Settled {
        /// Which job.
        lease: LeaseRef,
        /// How it went.
        outcome: Outcome,
        /// What the store made of it.
        settled: Settled,
    },
    /// A lease that ran out was found, of whichever worker.
    Rescued(Rescued),
    /// A job of this worker lost its lease while it ran.
    LeaseLost(LeaseRef),
}

/// The settings of one source: one queue for one worker.
#[derive(Clone)]
pub struct SourceConfig {
    /// The queue to work on.
    pub queue: String,
    /// Shown beside the jobs it runs; unique among running workers.
    pub worker_id: String,
    /// At most so many jobs at once. The source keeps to it, with or without a concurrency layer.
    pub concurrency: usize,
    /// Jobs claimed beyond free slots. They start sooner, but no other worker can take them and no more urgent job can
    /// overtake them, so the default is none.
    pub prefetch: usize,
    /// How long a claim holds without renewal. Renewed after a third of it.
    pub lease: Duration,
    /// How long to wait before looking again when nothing woke the source.
    pub poll_interval: Duration,
    /// How often to look for leases that ran out; each wait is drawn between half and one and a half of it.
    pub rescue_interval: Duration,
    /// A job that has been due for so long is served next, whatever its priority, within about a second.
    pub overdue: Duration,
    /// How long a closing source may take to give back and to store what is settled.
    pub close_timeout: Duration,
    /// Only jobs of this concurrency key; for a command that waits for one sync.
    pub concurrency_key: Option<String>,
    /// For tests that need to stop a worker between a job's last effect and its settlement.
    pub before_settle: Option<BeforeSettle>,
    /// Told what happens; for metrics and for whoever keeps records of runs.
    pub observer: Option<Observer>,
    /// Where the source's background tasks are kept.
    pub tasks: Tasks,
}

impl SourceConfig {
    /// The usual settings: four jobs at once, a lease of thirty seconds, a look each second.
    pub fn new(queue: impl Into<String>, worker_id: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            worker_id: worker_id.into(),
            concurrency: 4,
            prefetch: 0,
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
            .field("prefetch", &self.prefetch)
            .field("lease", &self.lease)
            .field("concurrency_key", &self.concurrency_key)
            .finish_non_exhaustive()
    }
}
