//! Ends a worker: it starts no new jobs, lets runs finish for a while, and then gives back those that still run.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use syncline_queue::{Lease, LeaseRef, LeasedJob, Outcome};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{environment::Environment, handlers};

/// How long a handler may take to stop after its interrupt. Then it is dropped: its writes are fenced, and the next
/// worker looks up the writes that it had sent to a platform, as after a crash.
pub(crate) const MOMENT: Duration = Duration::from_secs(3);

/// The running jobs, and whether they are interrupted. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drain {
    running: Arc<Mutex<HashMap<LeaseRef, Lease>>>,
    over: CancellationToken,
}

impl Drain {
    /// Interrupts the jobs that still run; no job starts after this.
    pub(crate) fn interrupt(&self) {
        self.over.cancel();
        let running = self.running();
        if !running.is_empty() {
            tracing::warn!(jobs = running.len(), "the time to finish is up; running jobs are given back");
        }
        running.values().for_each(Lease::interrupt);
    }

    /// True if no job runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.running().is_empty()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<LeaseRef, Lease>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a job to its end, or to the point where it stops after an interrupt.
    pub(crate) async fn run(
        &self,
        environment: Arc<Environment>,
        leased: LeasedJob,
    ) -> anyhow::Result<Outcome> {
        let lease = leased.lease.clone();
        let _running = Entered::new(self, &lease);
        if self.over.is_cancelled() {
            lease.interrupt();
            return Ok(Outcome::Snooze { delay: Duration::ZERO });
        }
        let run = leased.job.id;
        let mut work = Box::pin(handlers::handle(Arc::clone(&environment), leased));
        tokio::select! {
            ended = &mut work => return ended,
            () = self.over.cancelled() => {}
        }
        if let Ok(ended) = timeout(MOMENT, &mut work).await {
            return ended;
        }
        drop(work);
        tracing::warn!(%run, "the job did not stop when it was told; it is given back all the same");
        if let Err(error) = environment.run_book().give_back(run).await {
            tracing::warn!(%run, %error, "the run's row says that it runs until another worker takes it up");
        }
        Ok(Outcome::Snooze { delay: Duration::ZERO })
    }
}

/// Registers a job as running until it is dropped.
struct Entered<'a> {
    drain: &'a Drain,
    claim: LeaseRef,
}

impl<'a> Entered<'a> {
    fn new(drain: &'a Drain, lease: &Lease) -> Self {
        drain.running().insert(lease.claim(), lease.clone());
        Self { drain, claim: lease.claim() }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.drain.running().remove(&self.claim);
    }
}
