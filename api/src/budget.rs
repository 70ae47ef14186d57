//! How many requests run at one time. Those past it wait a moment and are refused then, so that the ones that run end.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::problem::Problem;

/// Requests of the API at one time. Probes and scrapes are not counted.
pub(crate) const REQUESTS: usize = 512;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// The requests that may run. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Semaphore>);

impl Budget {
    pub(crate) fn of(requests: usize) -> Budget {
        Budget(Arc::new(Semaphore::new(requests)))
    }
}

/// Lets a request run when it is its turn.
pub(crate) async fn in_turn(State(budget): State<Budget>, request: Request, next: Next) -> Response {
    match timeout(PATIENCE, budget.0.acquire()).await {
        Ok(_turn) => next.run(request).await,
        Err(_) => {
            let detail = "Too many requests run at this moment; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", detail)
                .with_retry_after(1)
                .into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, middleware::from_fn_with_state, routing::get};
    use tokio::{sync::Notify, time::Instant};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_its_turn_and_not_for_ever() {
        let go = Arc::new(Notify::new());
        let held = Arc::clone(&go);
        let handler = async move || held.notified().await;
        let router = Router::new().route("/", get(handler)).layer(from_fn_with_state(Budget::of(2), in_turn));
        let ask = || tokio::spawn(router.clone().oneshot(Request::new(Body::empty())));
        let running = [ask(), ask()];
        tokio::task::yield_now().await;
        let begun = Instant::now();
        let refused = ask().await.unwrap().unwrap();
        assert_eq!((refused.status(), begun.elapsed()), (StatusCode::SERVICE_UNAVAILABLE, PATIENCE));
        assert_eq!(refused.headers()["retry-after"], "1");
        let waiting = ask();
        tokio::task::yield_now().await;
        go.notify_one();
        tokio::task::yield_now().await;
        go.notify_one();
        go.notify_one();
        for answered in running.into_iter().chain([waiting]) {
            go.notify_one();
            assert_eq!(answered.await.unwrap().unwrap().status(), StatusCode::OK);
        }
    }
}
