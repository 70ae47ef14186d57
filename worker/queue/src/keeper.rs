//! Renews the leases of claimed jobs until their outcomes are stored.
//!
//! It has its own thread, runtime and connection: leases are renewed even if a handler blocks every thread of the
//! worker's runtime or uses every connection of the pool.

use std::{
    collections::HashMap,
    io, mem,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    sync::{
        Mutex,
        mpsc::{self, UnboundedReceiver, UnboundedSender},
    },
    time,
};
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, Error, LeaseRef, Renewal},
    config::{SourceConfig, SourceEvent},
    health::{Health, Part, chain},
    lease::Lease,
    meter::Meter,
    retry::StoreBackoff,
    tasks::Tasks,
};

#[derive(Debug)]
enum Command {
    Hold(Vec<Lease>),
    Forget(Vec<LeaseRef>),
    Stop,
}

/// Sends leases to the [`Keeper`].
#[derive(Debug, Clone)]
pub(crate) struct KeeperHandle(UnboundedSender<Command>);

impl KeeperHandle {
    /// Starts to renew these leases.
    pub(crate) fn hold(&self, leases: Vec<Lease>) {
        self.send(Command::Hold(leases));
    }

    /// Stops renewing these leases: their jobs are settled, given back or abandoned.
    pub(crate) fn forget(&self, leases: Vec<LeaseRef>) {
        self.send(Command::Forget(leases));
    }

    /// Stops all renewals and ends the thread.
    pub(crate) fn stop(&self) {
        self.send(Command::Stop);
    }

    /// An ended keeper has no leases to renew, so a failed send is ignored.
    fn send(&self, command: Command) {
        let _ = self.0.send(command);
    }
}

/// Holds the leases; [`Keeper::start`] runs it.
#[derive(Debug)]
pub(crate) struct Keeper {
    backend: Arc<dyn Backend>,
    config: Arc<SourceConfig>,
    health: Health,
    meter: Arc<Meter>,
    commands: UnboundedReceiver<Command>,
    held: HashMap<LeaseRef, Lease>,
    /// The time of the latest hint of a cancellation.
    cancelled_at: Option<Instant>,
    /// Renew every lease at once.
    hurry: bool,
}

impl Keeper {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        config: Arc<SourceConfig>,
        health: Health,
        meter: Arc<Meter>,
    ) -> (KeeperHandle, Self) {
        let (sender, commands) = mpsc::unbounded_channel();
        let keeper = Self {
            backend,
            config,
            health,
            meter,
            commands,
            held: HashMap::new(),
            cancelled_at: None,
            hurry: false,
        };
        (KeeperHandle(sender), keeper)
    }

    /// Starts the thread. It ends at [`KeeperHandle::stop`], or when every handle is dropped.
    pub(crate) fn start(self, tasks: Tasks, closing: CancellationToken) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let keeper = Mutex::new(self);
        let run = move || {
            let work = || async { keeper.lock().await.run().await };
            runtime.block_on(tasks.keep("lease keeper", &closing, work));
            // A hanging connection must not delay the end.
            runtime.shutdown_timeout(Duration::from_millis(100));
        };
        thread::Builder::new().name("syncline-leases".to_owned()).spawn(run).map(drop)
    }

    async fn run(&mut self) {
        match self.backend.own_connection().await {
            Ok(Some(own)) => self.backend = own,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(error = chain(&error), "leases are renewed through the shared connections");
            }
        }
        let mut cancellations = self.backend.cancellations();
        let mut backoff = StoreBackoff::new();
        let mut not_before = Instant::now();
        let mut commands = Vec::new();
        loop {
            if self.held.is_empty() {
                self.health.idle(Part::LeaseKeeper);
            }
            let next =
                if self.hurry { Some(Instant::now()) } else { self.held.values().map(Lease::renew_at).min() };
            tokio::select! {
                received = self.commands.recv_many(&mut commands, 256) => {
                    if received == 0 || !self.obey(&mut commands) {
                        return;
                    }
                    continue;
                }
                Ok(()) = cancellations.changed() => {
                    self.cancelled_at = Some(Instant::now());
                    self.hurry = true;
                    continue;
                }
                () = until(next.map(|at| at.max(not_before))) => {}
            }
            let pause = if self.renew().await {
                backoff.reset();
                Duration::ZERO
            } else {
                // Short enough to renew in time once the store answers again.
                backoff.next().min(self.config.lease / 10)
            };
            not_before = Instant::now() + pause;
        }
    }

    /// Returns false if the keeper must stop.
    fn obey(&mut self, commands: &mut Vec<Command>) -> bool {
        for command in mem::take(commands) {
            match command {
                Command::Hold(leases) => {
                    // The cancellation may concern a job that was claimed before it and arrives here after it.
                    self.hurry |= leases.iter().any(|lease| Some(lease.asked()) <= self.cancelled_at);
                    self.held.extend(leases.into_iter().map(|lease| (lease.claim(), lease)));
                }
                Command::Forget(leases) => {
                    for lease in leases {
                        self.held.remove(&lease);
                    }
                }
                Command::Stop => return false,
            }
        }
        true
    }

    /// Renews the leases that are due or almost due in one call; after a cancellation all leases, since only the store
    /// knows which job it concerns. Returns false if the store did not answer.
    async fn renew(&mut self) -> bool {
        let hurry = mem::take(&mut self.hurry);
        let soon = Instant::now() + if hurry { self.config.lease } else { self.config.lease / 10 };
        let due: Vec<Lease> = self.held.values().filter(|lease| lease.renew_at() <= soon).cloned().collect();
        let Some(length) = due.first().map(Lease::length) else { return true };
        let claims: Vec<_> = due.iter().map(Lease::claim).collect();
        let asked = Instant::now();
        let patience = (length / 3).max(Duration::from_millis(50));
        let renewals = match time::timeout(patience, self.backend.renew(&claims, length)).await {
            Ok(Ok(renewals)) => renewals,
            Ok(Err(error)) => {
                self.health.failed(Part::LeaseKeeper, &error);
                self.hurry = hurry;
                return false;
            }
            Err(_) => {
                self.health.failed(Part::LeaseKeeper, &Error::late());
                self.hurry = hurry;
                return false;
            }
        };
        self.health.succeeded(Part::LeaseKeeper);
        for (lease, renewal) in due.iter().zip(renewals) {
            match renewal {
                Renewal::Held => lease.renewed(asked),
                Renewal::CancelRequested => {
                    lease.renewed(asked);
                    lease.request_cancel();
                }
                Renewal::Lost => self.lost(lease),
            }
        }
        true
    }

    fn lost(&mut self, lease: &Lease) {
        self.held.remove(&lease.claim());
        // The outcome of a finished job may just have been stored; this is not a loss.
        if !lease.is_finished() {
            tracing::warn!(job = %lease.claim(), "the job has lost its lease");
            self.meter.lease_lost();
            self.config.observe(&SourceEvent::LeaseLost(lease.claim()));
        }
        // Last, so that observers learn of the loss before the handler reacts to it.
        lease.lose();
    }
}

/// Waits until `then`; for ever if it is `None`.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => time::sleep_until(then.into()).await,
        None => std::future::pending().await,
    }
}
