//! All routes, and the middleware that every request passes.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header::CONTENT_LENGTH},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use tokio::time::timeout;
use tower::{ServiceExt, service_fn};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, DefaultPredicate, Predicate,
        predicate::{NotForContentType, SizeAbove},
    },
    trace::TraceLayer,
};

use crate::{
    access::{REQUEST_ID, RequestId},
    budget::{Budget, REQUESTS, in_turn},
    guard::guard,
    hosts::Hosts,
    live,
    outage::{Outage, fail_soon},
    problem::Problem,
    routes::{self, docs, index::Document},
    state::ApiState,
};

/// Routes about the process and the installation, for probes, scrapers and monitors, which need no token.
pub fn ops_router(state: ApiState) -> Router {
    finish(routes::ops().open_router(), state)
}

/// Smaller bodies are not compressed: they fit into one packet.
const TINY: u16 = 1_000;

/// The API, its pages, and the routes of [`ops_router`]. If others than this machine can ask, these need a token, too.
pub fn router(state: ApiState) -> Router {
    let api = routes::api()
        .router(&state)
        .layer(Extension(Document::default()))
        .route_layer(from_fn_with_state(Outage::new(Arc::clone(&state.database_answers)), fail_soon))
        .merge(docs::router(state.docs))
        .merge(live::router())
        .route_layer(from_fn_with_state(Budget::of(REQUESTS), in_turn));
    finish(routes::ops().router(&state).merge(api), state)
}

/// The OpenAPI document of a server of this version, as JSON.
pub fn openapi(version: &str) -> serde_json::Result<String> {
    routes::document(version, "").to_pretty_json()
}

/// Adds the middleware. The layer added last sees a request first.
fn finish(routes: Router<ApiState>, state: ApiState) -> Router {
    let hosts = Arc::clone(&state.hosts);
    let routes = routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&hosts), guard))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
        .layer(from_fn_with_state(Arc::clone(&hosts), identified))
        .layer(compression());
    under(hosts, routes)
}

/// Compresses what is asked for with `accept-encoding: gzip`. Streams of events are left as they are, since each event
/// must arrive at once.
fn compression() -> CompressionLayer<impl Predicate> {
    let predicate = DefaultPredicate::new().and(NotForContentType::SSE).and(SizeAbove::new(TINY));
    CompressionLayer::new().compress_when(predicate)
}

/// The same routes under the prefix of the public address, too: a proxy may leave it on, or take it off.
fn under(hosts: Arc<Hosts>, routes: Router) -> Router {
    if hosts.prefix().is_empty() {
        return routes;
    }
    let service = service_fn(move |mut request: Request| {
        if let Some(uri) = without(hosts.prefix(), request.uri()) {
            *request.uri_mut() = uri;
        }
        routes.clone().oneshot(request)
    });
    Router::new().fallback_service(service)
}

/// An address without the prefix of its path; none if it has another one.
fn without(prefix: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix(prefix)?;
    let path = match rest {
        "" => "/",
        rest if rest.starts_with('/') => rest,
        _ => return None,
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Gives each request its id, and each problem the id of its request.
async fn identified(State(hosts): State<Arc<Hosts>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        *response.body_mut() = problem.told(&id.0, hosts.prefix());
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The span of a request. A query string may hold what must not be in a log.
fn span(request: &Request) -> tracing::Span {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.as_str());
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path(), request_id = id)
}

pub(crate) async fn unknown_route(uri: Uri) -> Problem {
    let path = uri.path();
    let detail = match path.trim_end_matches('/') {
        without if without != path && !without.is_empty() => {
            format!(
                "There is nothing at {path}: the paths of the API have no slash at the end; try {without}"
            )
        }
        _ => format!("There is nothing at {path}; GET /openapi.json lists the routes"),
    };
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", "Unknown route", detail)
}

/// Answers `OPTIONS`, and refuses methods that a route does not take. The router adds the header `Allow`, which is in the
/// document for everyone, so that it needs no token.
async fn wrong_method(method: Method, uri: Uri) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = format!("{} does not take {method}; the header allow lists what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", "Method not allowed", detail).into_response()
}

/// Gives up a request that takes too long.
pub(crate) async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!(
                "It took longer than {} seconds and was given up; whether it was done is not known",
                limit.as_secs()
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
    use super::*;
    use crate::access::USUAL;
    use axum::{
        body::Body,
        routing::{get, post},
    };

    async fn status(router: Router, request: Request) -> StatusCode {
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        response.status()
    }

    #[test]
    fn a_prefix_is_taken_off_whole() {
        let of = |uri: &str| without("/tools/sync", &uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(of("/tools/sync/api/v1?a=b").as_deref(), Some("/api/v1?a=b"));
        assert_eq!(of("/tools/sync").as_deref(), Some("/"));
        assert_eq!(of("https://a/tools/sync/healthz").as_deref(), Some("https://a/healthz"));
        for other in ["/api/v1", "/tools/syncline/api", "/", "/tools/sync2"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up() {
        let router = Router::new()
            .route("/", get(std::future::pending::<()>))
            .layer(from_fn_with_state(USUAL, in_time));
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
