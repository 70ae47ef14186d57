//! A job's lease as its handler sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Error, LeaseRef};

/// The right to run a job. Clones share the lease.
///
/// Its end is computed by this machine's monotonic clock, from the moment before the latest request to the store, so
/// that it is never taken for valid after it has ended in the store. Writes to SQL are fenced separately; before an
/// effect without a fence, such as a call to a platform, check [`Lease::valid`].
#[derive(Debug, Clone)]
pub struct Lease {
    backend: Arc<dyn Backend>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    claim: LeaseRef,
    length: Duration,
    born: Instant,
    /// The end, in microseconds after `born`.
    ends: AtomicU64,
    lost: AtomicBool,
    cancel_requested: AtomicBool,
    /// The worker is ending and cannot wait for the job.
    interrupted: AtomicBool,
    /// The handler has ended; only the settlement is pending.
    finished: AtomicBool,
    stop: CancellationToken,
}

impl Lease {
    /// Creates a lease requested at `asked`. Only a source renews leases; without one this is for tests of handlers.
    pub fn new(backend: Arc<dyn Backend>, claim: LeaseRef, asked: Instant, length: Duration) -> Self {
        let shared = Shared {
            claim,
            length,
            born: asked,
            ends: AtomicU64::new(micros(length)),
            lost: AtomicBool::new(false),
            cancel_requested: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            stop: CancellationToken::new(),
        };
        Self { backend, shared: Arc::new(shared) }
    }

    /// Returns the claim that the lease belongs to.
    pub fn claim(&self) -> LeaseRef {
        self.shared.claim
    }

    /// True if the job may still act.
    pub fn valid(&self) -> bool {
        !self.is_lost() && !self.is_interrupted() && Instant::now() < self.deadline()
    }

    /// Returns when the lease ends unless it is renewed; a renewal moves it.
    pub fn deadline(&self) -> Instant {
        self.shared.born + Duration::from_micros(self.shared.ends.load(Ordering::Acquire))
    }

    /// Waits until the job should stop: it was cancelled, its lease is lost, or its worker is ending.
    pub async fn cancelled(&self) {
        self.shared.stop.cancelled().await;
    }

    /// The same as a token, for calls that take one.
    pub fn cancellation(&self) -> &CancellationToken {
        &self.shared.stop
    }

    /// True if a cancellation of the job was requested.
    pub fn cancel_requested(&self) -> bool {
        self.shared.cancel_requested.load(Ordering::Acquire)
    }

    /// Stops the job because its worker is ending; from now on it may not act. If its handler then returns
    /// [`Outcome::Snooze`](crate::Outcome::Snooze), the job is given back: it keeps its place in line, and no attempt
    /// is used.
    pub fn interrupt(&self) {
        self.shared.interrupted.store(true, Ordering::Release);
        self.shared.stop.cancel();
    }

    /// True if the job's worker is ending.
    pub fn is_interrupted(&self) -> bool {
        self.shared.interrupted.load(Ordering::Acquire)
    }

    /// True if another claim has taken the job.
    pub fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire)
    }

    /// Stores the job's progress, for display. Returns false if the lease is lost.
    pub async fn progress(&self, progress: &Value) -> Result<bool, Error> {
        self.backend.progress(self.shared.claim, progress).await
    }

    /// Returns when the claim was requested.
    pub(crate) fn asked(&self) -> Instant {
        self.shared.born
    }

    pub(crate) fn length(&self) -> Duration {
        self.shared.length
    }

    /// Returns when to renew the lease: a third of its length after the last success.
    pub(crate) fn renew_at(&self) -> Instant {
        self.deadline() - self.shared.length * 2 / 3
    }

    /// Notes that the store extended the lease on a request made at `asked`.
    pub(crate) fn renewed(&self, asked: Instant) {
        let ends = asked.saturating_duration_since(self.shared.born) + self.shared.length;
        self.shared.ends.store(micros(ends), Ordering::Release);
    }

    pub(crate) fn request_cancel(&self) {
        self.shared.cancel_requested.store(true, Ordering::Release);
        self.shared.stop.cancel();
    }

    pub(crate) fn lose(&self) {
        self.shared.lost.store(true, Ordering::Release);
        self.shared.stop.cancel();
    }

    pub(crate) fn finish(&self) {
        self.shared.finished.store(true, Ordering::Release);
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.shared.finished.load(Ordering::Acquire)
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(all(test, feature = "sql"))]
mod tests {
    use sea_orm::DatabaseConnection;
    use uuid::Uuid;

    use super::*;
    use crate::SqlBackend;

    fn lease(asked: Instant, length: Duration) -> Lease {
        let claim = LeaseRef { id: Uuid::now_v7(), token: 1 };
        Lease::new(Arc::new(SqlBackend::new(DatabaseConnection::default())), claim, asked, length)
    }

    #[test]
    fn a_lease_counts_from_when_it_was_asked_for() {
        let asked = Instant::now() - Duration::from_secs(20);
        let held = lease(asked, Duration::from_secs(30));
        assert!(held.valid());
        assert_eq!(held.deadline(), asked + Duration::from_secs(30));
        assert_eq!(held.renew_at(), asked + Duration::from_secs(10));
        assert!(!lease(asked, Duration::from_secs(20)).valid());
    }

    #[test]
    fn a_renewal_revives_and_a_loss_does_not_pass() {
        let held = lease(Instant::now() - Duration::from_secs(60), Duration::from_secs(30));
        assert!(!held.valid());
        held.renewed(Instant::now());
        assert!(held.valid() && !held.cancellation().is_cancelled());
        held.lose();
        held.renewed(Instant::now());
        assert!(!held.valid() && held.cancellation().is_cancelled());
    }
}
