//! Requests that meet a database which does not answer.
//!
//! A pool of connections waits for half a minute before it gives up. A request that has waited for half a second asks
//! the database itself through a connection of its own, and fails at once where there is none to be had. While the
//! database is known to be away, a request waits for a moment only, in which a route without the database is done.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::problem::Problem;

/// How long a request waits before the database is asked.
const WAIT: Duration = Duration::from_millis(500);
/// How long a request waits while the database is known to be away.
const WAIT_AWAY: Duration = Duration::from_millis(50);
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
    /// True if it did not answer when it was last asked.
    away: Arc<AtomicBool>,
}

impl fmt::Debug for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outage").finish_non_exhaustive()
    }
}

impl Outage {
    pub(crate) fn new(probe: Probe) -> Self {
        Self { probe, last: Arc::default(), away: Arc::default() }
    }

    /// True if the database does not answer. Requests that wait at the same time ask once.
    async fn is_away(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < HOLDS
        {
            return !answers;
        }
        let answers = timeout(PATIENCE, (self.probe)()).await.unwrap_or(false);
        self.away.store(!answers, Ordering::Relaxed);
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
        let wait = if outage.away.load(Ordering::Relaxed) { WAIT_AWAY } else { WAIT };
        if let Ok(response) = timeout(wait, &mut response).await {
            return response;
        }
        let away = tokio::select! {
            biased;
            response = &mut response => return response,
            away = outage.is_away() => away,
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

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::atomic::AtomicU32};

    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tower::ServiceExt;

    use super::*;

    /// What the design promises.
    const SOON: Duration = Duration::from_secs(2);

    /// Routes of which one waits for the database for ever, and one needs none.
    fn router(probe: Probe) -> Router {
        Router::new()
            .route("/waits", get(pending::<()>))
            .route("/slow", get(async || tokio::time::sleep(SOON * 5).await))
            .route("/needs-none", get(async || ()))
            .route_layer(from_fn_with_state(Outage::new(probe), fail_soon))
    }

    /// The status, and the time that it took by the clock of the test.
    async fn ask(router: &Router, path: &str) -> (u16, Duration) {
        let began = Instant::now();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        (response.status().as_u16(), began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_fails_within_two_seconds_though_nothing_answers() {
        // Packets to the database are lost: neither the handler nor the probe ever ends.
        let router = router(Arc::new(|| Box::pin(pending())));
        let (status, first) = ask(&router, "/waits").await;
        assert!(status == 503 && first <= WAIT + PATIENCE + Duration::from_millis(10), "{status} {first:?}");
        let (status, known) = ask(&router, "/waits").await;
        assert!(status == 503 && known <= WAIT_AWAY + Duration::from_millis(10), "{status} {known:?}");
        // What was known is asked again.
        tokio::time::advance(HOLDS * 2).await;
        let (status, again) = ask(&router, "/waits").await;
        assert!(status == 503 && again < first && again < SOON, "{status} {again:?}");
        assert_eq!(ask(&router, "/needs-none").await.0, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_of_one_moment_ask_once_and_none_waits_for_another() {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&asked);
        let router = router(Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(pending())
        }));
        let all = (0..100).map(|_| ask(&router, "/waits"));
        for (status, took) in futures_util::future::join_all(all).await {
            assert!(status == 503 && took < SOON, "{status} {took:?}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_request_to_a_database_that_answers_is_not_cut_short() {
        let router = router(Arc::new(|| Box::pin(async { true })));
        let (status, took) = ask(&router, "/slow").await;
        assert!(status == 200 && took >= SOON * 5, "{status} {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_back_is_noticed() {
        let there = Arc::new(AtomicBool::new(false));
        let probed = Arc::clone(&there);
        let router = router(Arc::new(move || {
            let there = probed.load(Ordering::Relaxed);
            Box::pin(async move { there })
        }));
        assert_eq!(ask(&router, "/slow").await.0, 503);
        there.store(true, Ordering::Relaxed);
        tokio::time::advance(HOLDS * 2).await;
        assert_eq!(ask(&router, "/slow").await.0, 200);
    }
}
