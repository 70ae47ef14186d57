//! Requests that meet a database which does not answer.
//!
//! A pool of connections waits for half a minute before it gives up. A request that has waited for half a second asks
//! the database itself through a connection of its own, and fails at once where there is none to be had.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use tokio::{sync::Mutex, time::timeout};

use crate::problem::Problem;

/// How long a request waits before the database is asked.
const WAIT: Duration = Duration::from_millis(500);
/// Timeout of the connection that is tried then.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer holds.
const HOLDS: Duration = Duration::from_millis(500);
/// Seconds after which a caller may try again.
const RETRY_AFTER: u32 = 5;

/// Opens a connection to the database that no pool has. True: it was opened.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// What is known of the database. Clones share it.
#[derive(Clone)]
pub(crate) struct Outage {
    probe: Probe,
    /// When the database was last asked, and whether it answered.
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl fmt::Debug for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outage").finish_non_exhaustive()
    }
}

impl Outage {
    pub(crate) fn new(probe: Probe) -> Self {
        Self { probe, last: Arc::default() }
    }

    /// True if the database does not answer. Requests that wait at the same time ask once.
    async fn is_there(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < HOLDS
        {
            return !answers;
        }
        let answers = timeout(PATIENCE, (self.probe)()).await.unwrap_or(false);
        *last = Some((Instant::now(), answers));
        !answers
    }
}

/// Answers 503 within two seconds while the database does not answer. A slow request to a
/// database that answers is not cut short.
pub(crate) async fn fail_soon(State(outage): State<Outage>, request: Request, next: Next) -> Response {
    let response = next.run(request);
    tokio::pin!(response);
    loop {
        if let Ok(response) = timeout(WAIT, &mut response).await {
            return response;
        }
        let away = tokio::select! {
            biased;
            response = &mut response => return response,
            away = outage.is_there() => away,
        };
        if away {
            let detail =
                "The database does not answer; try again later. Whether the request was done is not known";
            return Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "database-unavailable",
                "Database unavailable",
                detail,
            )
            .with_retry_after(RETRY_AFTER)
            .into_response();
        }
    }
}
