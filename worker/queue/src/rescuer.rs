//! Searches for expired leases, of any worker.

use std::{sync::Arc, time::Duration};

use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::{
    backend::{Backend, Error, Next},
    config::{SourceConfig, SourceEvent},
    health::{Health, Part},
    meter::Meter,
    retry::jitter,
};

/// The timeout of one call.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Rescuer {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: Arc<SourceConfig>,
    pub(crate) health: Health,
    pub(crate) meter: Arc<Meter>,
    pub(crate) closing: CancellationToken,
}

impl Rescuer {
    /// Runs until the source closes. The waits are random, so that replicas take turns; the first is short, since a
    /// start often follows a crash.
    pub(crate) async fn run(&self) {
        let Self { backend, config, health, meter, closing } = self;
        let interval = config.rescue_interval;
        let mut wait = jitter(interval / 2);
        while time::timeout(wait, closing.cancelled()).await.is_err() {
            wait = interval / 2 + jitter(interval);
            match time::timeout(PATIENCE, backend.rescue()).await {
                Ok(Ok(rescued)) => {
                    health.succeeded(Part::Rescuer);
                    if !rescued.is_empty() {
                        // A worker that died with many jobs may leave more than one call takes.
                        wait = Duration::from_millis(10);
                    }
                    for rescued in rescued {
                        meter.taken_over();
                        match &rescued.next {
                            Next::Dead { reason } => {
                                tracing::error!(job = %rescued.id, reason, "the job is dead");
                            }
                            _ => tracing::debug!(job = %rescued.id, "the job's lease ran out"),
                        }
                        config.observe(&SourceEvent::Rescued(rescued));
                    }
                }
                Ok(Err(error)) => health.failed(Part::Rescuer, &error),
                Err(_) => health.failed(Part::Rescuer, &Error::late()),
            }
        }
    }
}
