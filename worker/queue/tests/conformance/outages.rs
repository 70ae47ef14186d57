//! Tests of workers whose store fails, with a backend that fails on demand.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde_json::Value;
use syncline_queue::{
    Backend, Cancelled, ClaimRequest, Claimed, Count, Error, Job, JobQuery, LeaseRef, NewJob, Next, Outcome,
    Page, Part, Priority, Pushed, Renewal, Rescued, Settled, Settlement, SourceConfig,
};
use tokio::sync::{Semaphore, mpsc, watch};
use uuid::Uuid;

use super::{
    eventually, job,
    workers::{config, start_on},
};
use crate::support::Stage;

/// The real backend behind a switch.
#[derive(Debug)]
struct Flaky {
    real: Arc<dyn Backend>,
    down: AtomicBool,
    refuse: Mutex<Option<Uuid>>,
    calls: AtomicUsize,
}

impl Flaky {
    fn over(stage: &Stage) -> Arc<Self> {
        let real = Arc::clone(&stage.backend);
        Arc::new(Self {
            real,
            down: AtomicBool::new(false),
            refuse: Mutex::default(),
            calls: AtomicUsize::new(0),
        })
    }

    fn call(&self) -> Result<&dyn Backend, Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.down.load(Ordering::SeqCst) {
            Err(Error::Unavailable("pulled the plug".into()))
        } else {
            Ok(&*self.real)
        }
    }
}

#[async_trait]
impl Backend for Flaky {
    async fn push(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        self.call()?.push(jobs).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Claimed, Error> {
        self.call()?.claim(request).await
    }

    async fn renew(&self, leases: &[LeaseRef], lease: Duration) -> Result<Vec<Renewal>, Error> {
        self.call()?.renew(leases, lease).await
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, Error> {
        let refused = *self.refuse.lock().expect("a lock");
        if settlements.iter().any(|settlement| Some(settlement.lease.id) == refused) {
            return Err(Error::Refused("not this one".into()));
        }
        self.call()?.settle(settlements).await
    }

    async fn give_back(&self, leases: &[LeaseRef]) -> Result<Vec<Settled>, Error> {
        self.call()?.give_back(leases).await
    }

    async fn rescue(&self) -> Result<Vec<Rescued>, Error> {
        self.call()?.rescue().await
    }

    async fn progress(&self, lease: LeaseRef, progress: &Value) -> Result<bool, Error> {
        self.call()?.progress(lease, progress).await
    }

    async fn cancel(&self, id: Uuid) -> Result<Cancelled, Error> {
        self.call()?.cancel(id).await
    }

    async fn get(&self, id: Uuid) -> Result<Option<Job>, Error> {
        self.call()?.get(id).await
    }

    async fn put_back(&self, jobs: &[NewJob]) -> Result<Vec<Pushed>, Error> {
        self.call()?.put_back(jobs).await
    }

    async fn known(&self, ids: &[Uuid]) -> Result<Vec<bool>, Error> {
        self.call()?.known(ids).await
    }

    async fn list(&self, query: &JobQuery) -> Result<Page, Error> {
        self.call()?.list(query).await
    }

    async fn pause(&self, queue: &str) -> Result<bool, Error> {
        self.call()?.pause(queue).await
    }

    async fn resume(&self, queue: &str) -> Result<bool, Error> {
        self.call()?.resume(queue).await
    }

    async fn is_paused(&self, queue: &str) -> Result<bool, Error> {
        self.call()?.is_paused(queue).await
    }

    async fn listen(&self, queue: &str) {
        self.real.listen(queue).await;
    }

    async fn replay(&self, id: Uuid) -> Result<bool, Error> {
        self.call()?.replay(id).await
    }

    async fn discard(&self, id: Uuid) -> Result<bool, Error> {
        self.call()?.discard(id).await
    }

    async fn set_priority(&self, id: Uuid, priority: Priority) -> Result<bool, Error> {
        self.call()?.set_priority(id, priority).await
    }

    async fn counts(&self, queue: &str) -> Result<Vec<Count>, Error> {
        self.call()?.counts(queue).await
    }

    fn wakeups(&self) -> watch::Receiver<u64> {
        self.real.wakeups()
    }

    fn wake(&self) {
        self.real.wake();
    }

    fn cancellations(&self) -> watch::Receiver<u64> {
        self.real.cancellations()
    }
}

pub(crate) async fn a_worker_waits_for_a_failed_store(stage: &Stage) {
    let flaky = Flaky::over(stage);
    let (started, mut starts) = mpsc::unbounded_channel();
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let config = SourceConfig { poll_interval: Duration::from_millis(50), ..config("worker") };
    let mut worker = start_on(flaky.clone(), config, move |leased| {
        started.send(()).expect("the test");
        let gate = Arc::clone(&held);
        async move {
            gate.acquire().await.expect("the gate").forget();
            assert_eq!(leased.job.attempt, 1);
            Ok(Outcome::Done)
        }
    });
    stage.backend.push(&[job("one")]).await.expect("a push");
    starts.recv().await.expect("a start");
    assert!(worker.health.is_well());

    flaky.down.store(true, Ordering::SeqCst);
    gate.add_permits(1);
    for part in [Part::Acknowledger, Part::Fetcher, Part::Rescuer] {
        let health = worker.health.clone();
        let problem = eventually("a problem", || async { health.problems().remove(&part) }).await;
        assert!(problem.error.contains("pulled the plug"), "{problem:?}");
    }

    flaky.down.store(false, Ordering::SeqCst);
    assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    stage.backend.push(&[job("two")]).await.expect("a push");
    gate.add_permits(1);
    assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    eventually("good health", || async { worker.health.is_well().then_some(()) }).await;
    worker.stop().await;
}

pub(crate) async fn a_refused_settlement_blocks_no_others(stage: &Stage) {
    let flaky = Flaky::over(stage);
    let jobs = [job("one"), job("bad"), job("three")];
    *flaky.refuse.lock().expect("a lock") = Some(jobs[1].id);
    let together = Arc::new(tokio::sync::Barrier::new(jobs.len()));
    let mut worker = start_on(flaky, config("worker"), move |_| {
        let together = Arc::clone(&together);
        async move {
            together.wait().await;
            Ok(Outcome::Done)
        }
    });
    stage.backend.push(&jobs).await.expect("a push");
    for _ in 0..2 {
        assert_eq!(worker.settled().await, (Outcome::Done, Settled::Applied(Next::Gone)));
    }
    assert!(stage.backend.get(jobs[1].id).await.expect("a look").is_some(), "left to its lease");
    worker.stop().await;
}

pub(crate) async fn an_idle_worker_polls_rarely(stage: &Stage) {
    let flaky = Flaky::over(stage);
    let usual = SourceConfig { rescue_interval: Duration::from_secs(5), ..config("worker") };
    let worker = start_on(flaky.clone(), usual, |_| async { Ok(Outcome::Done) });
    eventually("a first look", || async { (flaky.calls.load(Ordering::SeqCst) > 0).then_some(()) }).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // One claim per second, after at least eight tenths of it, and perhaps one rescue.
    assert!(
        flaky.calls.load(Ordering::SeqCst) <= 5,
        "{} calls in two seconds",
        flaky.calls.load(Ordering::SeqCst)
    );
    worker.stop().await;
}
