//! A worker process, put together as the product's own pool is.

use std::{
    io::{self, Read},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use apalis::prelude::{BoxDynError, Monitor, ParallelizeExt, WorkerBuilder};
use serde::{Deserialize, Serialize};
use syncline_queue::{LeasedJob, QueueSource, SourceConfig, SourceEvent};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    ledger::Ledger,
    system::{self, Kind},
    work,
};

/// What a worker is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) url: String,
    pub(crate) ledger: String,
    pub(crate) queue: String,
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    /// Of the runtime that handlers run on.
    pub(crate) threads: usize,
    pub(crate) grace: Duration,
}

/// Works until it is told to stop, or until whoever started it is gone.
pub(crate) fn main(settings: &str) -> Result<ExitCode> {
    let settings: Settings = serde_json::from_str(settings).context("the settings of a worker")?;
    end_with_parent();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(io::stderr).init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(settings.threads).enable_all().build()?;
    runtime.block_on(work(settings))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

/// The other end of standard input is closed when the campaign ends, however it does.
fn end_with_parent() {
    thread::spawn(|| {
        let mut nothing = Vec::new();
        let _ = io::stdin().read_to_end(&mut nothing);
        std::process::exit(86);
    });
}

async fn work(settings: Settings) -> Result<()> {
    let ledger = Ledger::open(&settings.ledger, 8).await?;
    let backend = patiently(|| system::connect(settings.kind, &settings.url)).await?;
    let limits = patiently(|| system::limits(settings.kind, &settings.url)).await?;
    let (saw, mut seen) = mpsc::unbounded_channel::<SourceEvent>();
    let (noting, name) = (ledger.clone(), settings.name.clone());
    tokio::spawn(async move {
        while let Some(event) = seen.recv().await {
            if let Err(error) = noting.saw(&event, &name).await {
                tracing::error!(%error, "the ledger could not be written");
            }
        }
    });
    let listening = (Arc::clone(&backend), settings.queue.clone());
    tokio::spawn(async move { listening.0.listen(&listening.1).await });

    let mut config = SourceConfig::new(&settings.queue, &settings.name);
    config.concurrency = settings.concurrency;
    config.lease = settings.lease;
    config.rescue_interval = (settings.lease / 5).clamp(Duration::from_millis(100), Duration::from_secs(5));
    config.observer = Some(Arc::new(move |event| {
        let _ = saw.send(event.clone());
    }));

    let stop = on_signals()?;
    // Long jobs that heed it are told when the grace is over, and have a little time to give up.
    let (heed, told) = (CancellationToken::new(), stop.clone());
    let (stopping, grace) = (heed.clone(), settings.grace);
    tokio::spawn(async move {
        told.cancelled().await;
        tokio::time::sleep(grace).await;
        heed.cancel();
    });
    let drained = async move { tokio::time::sleep(grace + Duration::from_secs(2)).await };
    let monitor = Monitor::new().with_terminator(drained).register(move |_| {
        let source = QueueSource::new(Arc::clone(&backend), config.clone());
        let (ledger, name, stopping) = (ledger.clone(), settings.name.clone(), stopping.clone());
        let limits = Arc::clone(&limits);
        WorkerBuilder::new(settings.name.as_str()).backend(source).parallelize(tokio::spawn).build(
            move |leased: LeasedJob| {
                let handled =
                    work::handle(ledger.clone(), name.clone(), stopping.clone(), Arc::clone(&limits), leased);
                async move { handled.await.map_err(BoxDynError::from) }
            },
        )
    });
    let signal = async move {
        stop.cancelled().await;
        Ok::<_, io::Error>(())
    };
    Ok(monitor.run_with_signal(signal).await?)
}

/// A store that is down when a worker starts is waited for.
async fn patiently<T, F>(mut connect: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    loop {
        match connect().await {
            Ok(connected) => return Ok(connected),
            Err(error) => tracing::warn!(%error, "the store cannot be reached; trying again"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Cancelled at SIGTERM; the second one ends the process at once.
fn on_signals() -> Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        cancelled.cancel();
        terminate.recv().await;
        std::process::exit(130);
    });
    Ok(token)
}
