//! Stores the outcomes of jobs: each finished job at once, with retries until the store has its outcome.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver, UnboundedSender},
        oneshot,
    },
    time,
};
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, Error, LeaseRef, Next, Settled, Settlement},
    config::{SourceConfig, SourceEvent},
    health::{Health, Part},
    job::Priority,
    keeper::KeeperHandle,
    meter::Meter,
    retry::StoreBackoff,
};

/// The most settlements in one call of the store.
const BATCH: usize = 256;
/// The timeout of one call. A retry is safe: it finds what the first call has stored.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a settlement that the store refuses is tried alone.
const REFUSALS: u32 = 3;

/// A settlement on its way to the store.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) settlement: Settlement,
    pub(crate) priority: Priority,
}

#[derive(Debug)]
enum Message {
    Settle(Finished),
    GiveBack(LeaseRef),
    Flush(oneshot::Sender<()>),
}

/// Sends settlements and interrupted jobs to the [`Acknowledger`].
#[derive(Debug, Clone)]
pub(crate) struct AcknowledgerHandle(UnboundedSender<Message>);

impl AcknowledgerHandle {
    /// Hands over an outcome. If the acknowledger has ended, the lease runs out, as after a crash.
    pub(crate) fn settle(&self, finished: Finished) {
        if let Err(mpsc::error::SendError(Message::Settle(finished))) = self.0.send(Message::Settle(finished))
        {
            tracing::warn!(
                job = %finished.settlement.lease,
                "the outcome is not stored, since the acknowledger has ended; the job is free when its lease expires"
            );
        }
    }

    /// Hands over an interrupted job: it keeps its place in line, and no attempt is used.
    pub(crate) fn give_back(&self, lease: LeaseRef) {
        if self.0.send(Message::GiveBack(lease)).is_err() {
            tracing::warn!(
                job = %lease,
                "the job is not given back, since the acknowledger has ended; it is free when its lease expires"
            );
        }
    }

    /// Waits until everything handed over so far is stored or given up.
    pub(crate) async fn flush(&self) {
        let (done, waits) = oneshot::channel();
        if self.0.send(Message::Flush(done)).is_ok() {
            let _ = waits.await;
        }
    }
}

pub(crate) struct Acknowledger {
    backend: Arc<dyn Backend>,
    config: Arc<SourceConfig>,
    keeper: KeeperHandle,
    health: Health,
    meter: Arc<Meter>,
    closing: CancellationToken,
    messages: UnboundedReceiver<Message>,
    /// The claims that the current batch settles or gives back.
    in_hand: Vec<LeaseRef>,
}

impl fmt::Debug for Acknowledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acknowledger").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Acknowledger {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        config: Arc<SourceConfig>,
        keeper: KeeperHandle,
        health: Health,
        meter: Arc<Meter>,
        closing: CancellationToken,
    ) -> (AcknowledgerHandle, Self) {
        let (sender, messages) = mpsc::unbounded_channel();
        (
            AcknowledgerHandle(sender),
            Self { backend, config, keeper, health, meter, closing, messages, in_hand: Vec::new() },
        )
    }

    /// Runs until every handle is dropped. If a panic ended an earlier start, the batch of that start is left to its
    /// leases: it may have caused the panic.
    pub(crate) async fn run(&mut self) {
        if !self.in_hand.is_empty() {
            tracing::error!(
                jobs = self.in_hand.len(),
                "outcomes could not be stored; the jobs' leases will run out"
            );
            self.keeper.forget(std::mem::take(&mut self.in_hand));
        }
        let mut messages = Vec::new();
        while self.messages.recv_many(&mut messages, BATCH).await > 0 {
            let (mut settlements, mut priorities, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
            let mut returned = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Settle(finished) => {
                        settlements.push(finished.settlement);
                        priorities.push(finished.priority);
                    }
                    Message::GiveBack(lease) => returned.push(lease),
                    Message::Flush(done) => flushes.push(done),
                }
            }
            self.in_hand.extend(settlements.iter().map(|settlement| settlement.lease));
            self.in_hand.extend(returned.iter().copied());
            if !settlements.is_empty() {
                self.store(&settlements, &priorities).await;
            }
            if !returned.is_empty() {
                self.give_back(returned).await;
            }
            self.in_hand.clear();
            for done in flushes {
                let _ = done.send(());
            }
        }
    }

    /// Gives interrupted jobs back; retries for at most [`SourceConfig::close_timeout`].
    async fn give_back(&self, leases: Vec<LeaseRef>) {
        let mut backoff = StoreBackoff::new();
        let tries = async {
            while let Err(error) = self.backend.give_back(&leases).await {
                self.health.failed(Part::Acknowledger, &error);
                time::sleep(backoff.next()).await;
            }
        };
        if time::timeout(self.config.close_timeout, tries).await.is_err() {
            tracing::warn!(
                jobs = leases.len(),
                "interrupted jobs could not be given back; their leases will run out"
            );
        }
        self.keeper.forget(leases);
    }

    async fn store(&self, settlements: &[Settlement], priorities: &[Priority]) {
        if let Some(hook) = &self.config.before_settle {
            for settlement in settlements {
                hook(settlement.clone()).await;
            }
        }
        match self.send(settlements).await {
            Some(Ok(settled)) => self.stored(settlements, priorities, settled),
            // One settlement of the batch caused the refusal; each is sent alone.
            Some(Err(_)) if settlements.len() > 1 => {
                for (settlement, priority) in settlements.iter().zip(priorities) {
                    let one = std::slice::from_ref(settlement);
                    match self.insist(one).await {
                        Some(settled) => self.stored(one, std::slice::from_ref(priority), settled),
                        None => self.give_up(one),
                    }
                }
            }
            Some(Err(_)) => match self.insist(settlements).await {
                Some(settled) => self.stored(settlements, priorities, settled),
                None => self.give_up(settlements),
            },
            None => self.give_up(settlements),
        }
    }

    /// Sends until the store answers. `None`: the source is closing, and its close timeout has passed.
    async fn send(&self, settlements: &[Settlement]) -> Option<Result<Vec<Settled>, Error>> {
        let mut backoff = StoreBackoff::new();
        let tries = async {
            loop {
                match time::timeout(PATIENCE, self.backend.settle(settlements)).await {
                    Ok(Ok(settled)) => {
                        self.health.succeeded(Part::Acknowledger);
                        return Ok(settled);
                    }
                    Ok(Err(error)) => {
                        self.health.failed(Part::Acknowledger, &error);
                        if !error.is_temporary() {
                            return Err(error);
                        }
                    }
                    Err(_) => self.health.failed(Part::Acknowledger, &Error::late()),
                }
                time::sleep(backoff.next()).await;
            }
        };
        let patience_ends = async {
            self.closing.cancelled().await;
            time::sleep(self.config.close_timeout).await;
        };
        tokio::select! {
            answer = tries => Some(answer),
            () = patience_ends => None,
        }
    }

    /// Sends one settlement up to [`REFUSALS`] times, although the store refuses it.
    async fn insist(&self, one: &[Settlement]) -> Option<Vec<Settled>> {
        let mut backoff = StoreBackoff::new();
        for _ in 0..REFUSALS {
            match self.send(one).await? {
                Ok(settled) => return Some(settled),
                Err(_) => time::sleep(backoff.next()).await,
            }
        }
        None
    }

    fn stored(&self, settlements: &[Settlement], priorities: &[Priority], settled: Vec<Settled>) {
        self.keeper.forget(settlements.iter().map(|settlement| settlement.lease).collect());
        for ((settlement, priority), settled) in settlements.iter().zip(priorities).zip(settled) {
            self.meter.settled(*priority, &settlement.outcome, &settled);
            match &settled {
                Settled::Stale => {
                    tracing::warn!(job = %settlement.lease, "the outcome came too late: the claim is stale");
                }
                Settled::Applied(Next::Dead { reason }) => {
                    tracing::warn!(job = %settlement.lease, reason, "the job is dead");
                }
                Settled::Applied(_) => {}
            }
            self.config.observe(&SourceEvent::Settled {
                lease: settlement.lease,
                outcome: settlement.outcome.clone(),
                settled,
            });
        }
    }

    /// Drops the settlements: the leases run out and the jobs are tried again, as after a crash.
    fn give_up(&self, settlements: &[Settlement]) {
        self.keeper.forget(settlements.iter().map(|settlement| settlement.lease).collect());
        for settlement in settlements {
            tracing::error!(job = %settlement.lease, "the job's outcome could not be stored; its lease will run out");
        }
    }
}
