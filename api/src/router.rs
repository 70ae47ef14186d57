//! All routes, and the middleware that every request passes.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{Method, StatusCode, Uri},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::time::timeout;
use tower_http::{catch_panic::CatchPanicLayer, trace::TraceLayer};

use crate::{
    guard::guard,
    outage::{Outage, fail_soon},
    problem::Problem,
    routes::{configs, dead, health, index, jobs, metrics, queues, schedules, stats, workers},
    state::ApiState,
};

/// Timeout of a whole request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Routes `/healthz`, `/readyz` and `/metrics`, which every role serves.
pub fn health_router(state: ApiState) -> Router {
    finish(health_routes(), state)
}

/// The routes of [`health_router`], and `/api/v1`.
pub fn router(state: ApiState) -> Router {
    let api = Router::new()
        .route("/api/v1", get(index::index))
        .route("/api/v1/jobs", get(jobs::list::list).post(jobs::create))
        .route("/api/v1/jobs/{id}", get(jobs::show))
        .route("/api/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/v1/dead", get(jobs::list::list_dead))
        .route("/api/v1/dead/replay", post(dead::replay))
        .route("/api/v1/dead/discard", post(dead::discard))
        .route("/api/v1/queues", get(queues::list))
        .route("/api/v1/queues/{name}/pause", post(queues::pause))
        .route("/api/v1/queues/{name}/resume", post(queues::resume))
        .route("/api/v1/schedules", get(schedules::list))
        .route("/api/v1/sync/configs/{id}/pause", post(configs::pause))
        .route("/api/v1/sync/configs/{id}/resume", post(configs::resume))
        .route("/api/v1/sync/stats", get(stats::show))
        .route("/api/v1/workers", get(workers::list))
        .route_layer(from_fn_with_state(Outage::new(Arc::clone(&state.database_answers)), fail_soon));
    finish(health_routes().merge(api), state)
}

fn health_routes() -> Router<ApiState> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(metrics::metrics))
}

/// Adds the middleware. The layer added last sees a request first.
fn finish(routes: Router<ApiState>, state: ApiState) -> Router {
    routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(guard))
        .layer(TraceLayer::new_for_http().on_failure(()))
}

async fn unknown_route(uri: Uri) -> Problem {
    let detail = format!("There is nothing at {}; GET /api/v1 lists the routes", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", "Unknown route", detail)
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the header allow lists what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "Method not allowed", detail)
}

async fn in_time(request: Request, next: Next) -> Response {
    match timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!(
                "It took longer than {} seconds and was given up; whether it was done is not known",
                REQUEST_TIMEOUT.as_secs()
            );
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "Timeout", detail)
                .with_retry_after(5)
                .into_response()
        }
    }
}

#[derive(Debug)]
struct Panicked(String);

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a handler panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

fn panicked(payload: Box<dyn Any + Send + 'static>) -> Response {
    let message = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|message| (*message).to_owned()))
        .unwrap_or_else(|| "(no message)".to_owned());
    Problem::internal(&Panicked(message)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;

    async fn status(router: Router, request: Request) -> StatusCode {
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        response.status()
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up() {
        let router = Router::new().route("/", get(std::future::pending::<()>)).layer(from_fn(in_time));
        assert_eq!(status(router, Request::new(Body::empty())).await, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        use crate::extract::JsonBody;
        let router = Router::new().route("/", post(|_: JsonBody<String>| async {}));
        let body = Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
        let request = Request::post("/").header("content-type", "application/json").body(body).unwrap();
        assert_eq!(status(router, request).await, StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_without_its_message() {
        async fn handler() {
            panic!("the secret is 7");
        }
        let router = Router::new().route("/", get(handler)).layer(CatchPanicLayer::custom(panicked));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
    }
}
