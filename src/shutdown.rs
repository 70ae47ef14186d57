//! Turns signals into a cancellation token.

use std::io;

use tokio_util::sync::CancellationToken;

use crate::fault::Fault;

/// Returns a token that is cancelled at SIGTERM or Ctrl-C. A second signal ends the process at once. After this returns
/// no signal is missed, however busy the process is.
pub(crate) fn on_signals() -> Result<CancellationToken, Fault> {
    let mut signals = Signals::listen()
        .map_err(|error| Fault::failed(format!("signals cannot be listened to: {error}")))?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: running jobs may finish; a second signal ends at once");
        cancelled.cancel();
        signals.next().await;
        std::process::exit(130);
    });
    Ok(token)
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
