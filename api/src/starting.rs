//! What a process answers while it waits for its database: `/healthz` that it lives, everything else that it is not ready.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use metrics_exporter_prometheus::PrometheusHandle;
use tower::ServiceExt;

use crate::{
    problem::Problem,
    routes::health::{Alive, NotReady, Ready},
};

/// Seconds after which a caller may try again.
const RETRY_AFTER: u32 = 5;

/// The routes of a process that starts: its own until [`Starting::ready`], then those it is given. Clones share it.
#[derive(Debug, Clone)]
pub struct Starting {
    role: &'static str,
    version: &'static str,
    metrics: PrometheusHandle,
    /// Whether health and metrics need no token.
    open: bool,
    waits_for: Arc<Mutex<String>>,
    router: Arc<OnceLock<Router>>,
}

impl Starting {
    /// A process of this role and version that has just begun.
    pub fn new(role: &'static str, version: &'static str, metrics: PrometheusHandle) -> Self {
        let waits_for = Arc::new(Mutex::new("it has just begun to start".to_owned()));
        Self { role, version, metrics, open: true, waits_for, router: Arc::default() }
    }

    /// The same process on another address. Health and metrics are told there if they need no token.
    pub fn beside(&self, open: bool) -> Self {
        Self { open, router: Arc::default(), ..self.clone() }
    }

    /// Notes what the process waits for, for people.
    pub fn waits_for(&self, reason: &str) {
        reason.clone_into(&mut *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// From now on requests go to these routes. A second call changes nothing.
    pub fn ready(&self, router: Router) {
        let _ = self.router.set(router);
    }

    /// What the server serves, from the start to the end of the process.
    pub fn router(&self) -> Router {
        Router::new().fallback(serve).with_state(self.clone())
    }

    fn not_ready(&self) -> NotReady {
        let reason = self.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let checks = BTreeMap::from([("start", reason.clone())]);
        let problem = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-ready",
            "Not ready",
            format!("start: {reason}"),
        );
        NotReady { problem, ready: Ready { state: "not ready", checks } }
    }
}

async fn serve(State(starting): State<Starting>, request: Request) -> Response {
    if let Some(router) = starting.router.get() {
        return match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    match request.uri().path() {
        _ if !starting.open => starting.not_ready().problem.with_retry_after(RETRY_AFTER).into_response(),
        "/healthz" => {
            Json(Alive { status: "ok", role: starting.role, version: starting.version }).into_response()
        }
        "/metrics" => starting.metrics.render().into_response(),
        "/readyz" => {
            let content_type = [(CONTENT_TYPE, "application/problem+json")];
            (StatusCode::SERVICE_UNAVAILABLE, content_type, Json(starting.not_ready())).into_response()
        }
        _ => starting.not_ready().problem.with_retry_after(RETRY_AFTER).into_response(),
    }
}
