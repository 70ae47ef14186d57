//! Claims jobs for free slots, and waits while there is nothing to claim.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time};
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, ClaimRequest, Claimed, Error, LeaseRef},
    config::SourceConfig,
    health::{Health, Part},
    job::{ClaimedJob, LeasedJob},
    lease::Lease,
    retry::{StoreBackoff, jitter},
    running::Shared,
};

/// How often to check whether the worker is paused or stopping. A check needs no statement.
const TICK: Duration = Duration::from_millis(100);
/// How often an overdue job may go first while more urgent ones keep coming.
const OVERDUE_EACH: Duration = Duration::from_millis(250);

/// How long after a wake-up in this process the store may take to notice the new jobs by itself.
const TOLD: Duration = Duration::from_millis(5);

/// The shortest wait between two claims that found nothing.
const MIN_WAIT: Duration = Duration::from_millis(2);

/// The state of the worker, as it concerns its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    Paused,
    Stopping,
}

pub(crate) struct Fetcher {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: Arc<SourceConfig>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) health: Health,
    pub(crate) gate: Box<dyn Fn() -> Gate + Send + Sync>,
    pub(crate) closing: CancellationToken,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Fetcher {
    /// Runs until the source closes or the worker stops, then gives back the jobs that no handler has taken. While a
    /// stopping worker drains, nothing is claimed, since it would not be started.
    pub(crate) async fn run(&self) {
        let mut wakeups = self.backend.wakeups();
        let mut backoff = StoreBackoff::new();
        let mut overdue_at = Instant::now();
        let mut pressed = false;
        loop {
            match self.gate() {
                Gate::Stopping => break,
                Gate::Paused => {
                    self.give_back().await;
                    self.pause(TICK).await;
                    continue;
                }
                Gate::Open => {}
            }
            let room = self.shared.line.room();
            if room == 0 {
                tokio::select! {
                    () = self.shared.line.freed() => {}
                    () = self.pause(TICK) => {}
                }
                continue;
            }
            let asked = Instant::now();
            // Under load, one slot goes to an overdue job from time to time. With one concurrency key there are no
            // other jobs to wait behind.
            if pressed && asked >= overdue_at && self.config.concurrency_key.is_none() {
                overdue_at = asked + OVERDUE_EACH;
                if let Some(claimed) = self.claim(1, Some(self.config.overdue)).await {
                    self.hand_over(claimed, asked);
                }
                pressed = false;
                continue;
            }
            // Mark wake-ups as seen before the claim, so that one that comes during the claim shortens the wait after
            // it.
            wakeups.borrow_and_update();
            let Some(claimed) = self.claim(room, None).await else {
                self.pause(backoff.next()).await;
                continue;
            };
            backoff.reset();
            pressed = claimed.jobs.len() >= room;
            let mut next = Some((claimed, asked));
            while let Some((claimed, asked)) = next {
                let (more, next_due) = (claimed.more, claimed.next_due);
                self.hand_over(claimed, asked);
                next = if more { None } else { self.idle(&mut wakeups, next_due).await };
            }
        }
        self.give_back().await;
    }

    fn gate(&self) -> Gate {
        if self.closing.is_cancelled() { Gate::Stopping } else { (self.gate)() }
    }

    /// Returns `None` if the store failed. A claim is not cut short, since it may have taken jobs; it is given up only
    /// after the length of the lease, when another worker could take those jobs.
    async fn claim(&self, limit: usize, overdue_by: Option<Duration>) -> Option<Claimed> {
        let request = self.request(limit, overdue_by);
        match time::timeout(self.patience(), self.backend.claim(&request)).await {
            Ok(answer) => self.judge(answer),
            Err(_) => {
                self.health.failed(Part::Fetcher, &Error::late());
                None
            }
        }
    }

    fn judge(&self, answer: Result<Claimed, Error>) -> Option<Claimed> {
        match answer {
            Ok(claimed) => {
                self.health.succeeded(Part::Fetcher);
                Some(claimed)
            }
            Err(error) => {
                self.health.failed(Part::Fetcher, &error);
                None
            }
        }
    }

    fn request(&self, limit: usize, overdue_by: Option<Duration>) -> ClaimRequest {
        ClaimRequest {
            queue: self.config.queue.clone(),
            worker_id: self.config.worker_id.clone(),
            limit,
            lease: self.config.lease,
            concurrency_key: self.config.concurrency_key.clone(),
            overdue_by,
        }
    }

    fn patience(&self) -> Duration {
        self.config.lease.max(Duration::from_secs(10))
    }

    fn hand_over(&self, claimed: Claimed, asked: Instant) {
        let leased = |job: ClaimedJob| {
            let lease = Lease::new(Arc::clone(&self.backend), job.lease_ref(), asked, self.config.lease);
            LeasedJob { job, lease }
        };
        let jobs: Vec<_> = claimed.jobs.into_iter().map(leased).collect();
        if !jobs.is_empty() {
            self.shared.keeper.hold(jobs.iter().map(|leased| leased.lease.clone()).collect());
            self.shared.line.put(jobs);
        }
    }

    /// Waits for a wake-up, the next due job or the poll interval, whichever comes first. A store that supports it
    /// claims at the end of the wait; that claim is returned with the moment of its request.
    async fn idle(
        &self,
        wakeups: &mut watch::Receiver<u64>,
        next_due: Option<Duration>,
    ) -> Option<(Claimed, Instant)> {
        // The jitter keeps workers that were started together from polling together.
        let poll = self.config.poll_interval;
        let poll = poll - jitter(poll / 5);
        let wait = next_due.map_or(poll, |due| due.clamp(MIN_WAIT, poll.max(MIN_WAIT)));
        let room = self.shared.line.room();
        if room > 0 && self.gate() == Gate::Open {
            let asked = Instant::now();
            if let Some(answer) = self.stand_by(wakeups, room, wait).await {
                return self.judge(answer).map(|claimed| (claimed, asked));
            }
        }
        let until = Instant::now() + wait;
        while self.gate() == Gate::Open {
            let now = Instant::now();
            if now >= until {
                return None;
            }
            tokio::select! {
                changed = wakeups.changed() => match changed {
                    Ok(()) => return None,
                    // The sender is gone, so no wake-ups come; the poll remains.
                    Err(_) => self.pause(until - now).await,
                },
                () = self.pause(TICK.min(until - now)) => {}
            }
        }
        None
    }

    /// Lets the store wait and claim. `None`: the store does not support it.
    async fn stand_by(
        &self,
        wakeups: &mut watch::Receiver<u64>,
        room: usize,
        wait: Duration,
    ) -> Option<Result<Claimed, Error>> {
        let request = self.request(room, None);
        let mut call = self.backend.claim_next(&request, wait);
        let mut woken_at = None;
        loop {
            tokio::select! {
                biased;
                // Polled first: a store that cannot wait returns at once, and must leave the wake-up to the caller.
                answer = &mut call => return answer,
                // The same wake-up usually reaches the store too, and it answers now.
                Ok(()) = wakeups.changed(), if woken_at.is_none() => woken_at = Some(Instant::now()),
                () = self.pause(if woken_at.is_some() { TOLD } else { TICK }) => {}
            }
            // The call is not dropped: it may still claim, and those jobs would wait for their leases to run out.
            if woken_at.is_some_and(|at: Instant| at.elapsed() >= TOLD) || self.gate() != Gate::Open {
                let rouse = self.backend.rouse(&request.queue);
                tokio::join!(rouse, time::sleep(TOLD));
                let late = |_: time::error::Elapsed| Some(Err(Error::late()));
                return time::timeout(self.patience(), call).await.unwrap_or_else(late);
            }
        }
    }

    async fn pause(&self, length: Duration) {
        let _ = time::timeout(length, self.closing.cancelled()).await;
    }

    /// Gives back the jobs that no handler has taken; retries for the source's close timeout.
    async fn give_back(&self) {
        let claims: Vec<LeaseRef> =
            self.shared.line.drain().iter().map(|leased| leased.lease.claim()).collect();
        if claims.is_empty() {
            return;
        }
        let mut backoff = StoreBackoff::new();
        let tries = async {
            while let Err(error) = self.backend.give_back(&claims).await {
                self.health.failed(Part::Fetcher, &error);
                time::sleep(backoff.next()).await;
            }
        };
        if time::timeout(self.config.close_timeout, tries).await.is_err() {
            tracing::warn!(
                jobs = claims.len(),
                "claimed jobs could not be given back; their leases will run out"
            );
        }
        self.shared.keeper.forget(claims);
    }
}
