//! `GET /api/v1`: the index of routes.

use axum::{Json, extract::State};
use serde::Serialize;

use crate::state::ApiState;

/// The response of `/api/v1`.
#[derive(Debug, Clone, Serialize)]
pub struct Index {
    pub name: &'static str,
    /// The version of the binary.
    pub version: &'static str,
    /// The role of the process: api, worker or up.
    pub role: &'static str,
    pub routes: &'static [Route],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path; `{...}` marks a parameter.
    pub path: &'static str,
    pub summary: &'static str,
}

/// Every route of `router.rs`.
pub const ROUTES: &[Route] = &[
    route("GET", "/api/v1", "This list"),
    route(
        "GET",
        "/api/v1/jobs",
        "List or search jobs: state, sync, project, kind, key, text, older_than, queue, limit, cursor",
    ),
    route("POST", "/api/v1/jobs", "Put a run of a sync in line"),
    route("GET", "/api/v1/jobs/{id}", "Where a run stands, what it did, and its attempts"),
    route("POST", "/api/v1/jobs/{id}/cancel", "End a waiting job, ask a running one to stop"),
    route("GET", "/api/v1/dead", "List or search dead letters"),
    route("POST", "/api/v1/dead/replay", "Put dead letters in line again: ids, a filter, or all"),
    route("POST", "/api/v1/dead/discard", "Take dead letters off the list: ids, a filter, or all"),
    route("GET", "/api/v1/queues", "Jobs by queue and priority"),
    route("POST", "/api/v1/queues/{name}/pause", "Let nothing of a queue begin"),
    route("POST", "/api/v1/queues/{name}/resume", "Let it go on"),
    route("GET", "/api/v1/schedules", "When syncs run by themselves"),
    route("POST", "/api/v1/sync/configs/{id}/pause", "Let no run of a sync begin"),
    route("POST", "/api/v1/sync/configs/{id}/resume", "Let it go on"),
    route(
        "GET",
        "/api/v1/sync/stats",
        "Numbers per sync and in total: sync, project, platform, entity_type, window",
    ),
    route("GET", "/api/v1/workers", "The processes that run jobs"),
    route("GET", "/healthz", "200 while the process lives"),
    route("GET", "/readyz", "200 when work can be done, else 503 and why not"),
    route("GET", "/metrics", "Metrics in Prometheus' text format"),
];

const fn route(method: &'static str, path: &'static str, summary: &'static str) -> Route {
    Route { method, path, summary }
}

pub(crate) async fn index(State(api): State<ApiState>) -> Json<Index> {
    Json(Index { name: "syncline", version: api.version, role: api.role, routes: ROUTES })
}
