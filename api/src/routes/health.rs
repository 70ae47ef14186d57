//! Liveness and readiness of the process.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use syncline_runs::RUN_QUEUE;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{problem::Problem, state::ApiState};

/// Timeout of the database; a probe rarely waits longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The response of `/healthz`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({ "status": "ok", "role": "up", "version": "1.2.3" })))]
pub struct Alive {
    /// Always `ok`.
    #[schema(value_type = String)]
    pub status: &'static str,
    /// The role of the process: api, worker or up.
    #[schema(value_type = String)]
    pub role: &'static str,
    /// The version of the binary.
    #[schema(value_type = String)]
    pub version: &'static str,
}

/// Tell that the process lives
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "healthz",
    tag = "installation",
    responses((status = 200, description = "The process lives.", body = Alive)),
)]
pub(crate) async fn healthz(State(api): State<ApiState>) -> Json<Alive> {
    Json(Alive { status: "ok", role: api.role, version: api.version })
}

/// The checks of readiness; each is `ok` or the reason of its failure.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({ "state": "ready", "checks": { "database": "ok", "schema": "ok", "queue": "ok", "tasks": "ok" } })))]
pub struct Ready {
    /// `ready` or `not ready`.
    #[schema(schema_with = states)]
    pub state: &'static str,
    /// `database`, `schema`, `queue` and `tasks`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub checks: BTreeMap<&'static str, String>,
}

fn states() -> utoipa::openapi::Schema {
    crate::schema::one_of(["ready", "not ready"])
}

/// The response if a check failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NotReady {
    #[serde(flatten)]
    pub problem: Problem,
    /// All checks.
    #[serde(flatten)]
    pub ready: Ready,
}

/// Tell whether work can be done
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "installation",
    responses(
        (status = 200, description = "Work can be done.", body = Ready),
        (
            status = 503,
            description = "Something is missing; `checks` says what.",
            body = NotReady,
            content_type = "application/problem+json",
        ),
    ),
)]
pub(crate) async fn readyz(State(api): State<ApiState>) -> Response {
    let database = database(&api).await;
    // Without a database the schema cannot be checked, and a second error would add nothing.
    let schema = match &database {
        Ok(()) => timeout(PATIENCE, (api.ready)()).await.unwrap_or_else(|_| Err(late())),
        Err(_) => Err("not known while the database does not answer".to_owned()),
    };
    let checks = [
        ("database", database),
        ("schema", schema),
        ("queue", queue(&api).await),
        ("tasks", (api.task_health)()),
    ];
    let reasons: Vec<String> = checks
        .iter()
        .filter_map(|(name, check)| check.as_ref().err().map(|reason| format!("{name}: {reason}")))
        .collect();
    let checks =
        checks.into_iter().map(|(name, check)| (name, check.err().unwrap_or("ok".to_owned()))).collect();
    if reasons.is_empty() {
        return Json(Ready { state: "ready", checks }).into_response();
    }
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready", reasons.join("; "));
    let content_type = HeaderValue::from_static("application/problem+json");
    let body = NotReady { problem, ready: Ready { state: "not ready", checks } };
    (StatusCode::SERVICE_UNAVAILABLE, [(CONTENT_TYPE, content_type)], Json(body)).into_response()
}

async fn database(api: &ApiState) -> Result<(), String> {
    match timeout(PATIENCE, api.db.ping()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "not ready: the database refused");
            Err("it cannot be reached; the log says more at level debug".to_owned())
        }
        Err(_) => Err(late()),
    }
}

/// A queue in the database is as the database is.
async fn queue(api: &ApiState) -> Result<(), String> {
    if api.queue.is_foreign() {
        match timeout(PATIENCE, api.queue.counts(RUN_QUEUE)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "not ready: the queue refused");
                return Err("Redis, which holds it, cannot be reached".to_owned());
            }
            Err(_) => return Err(format!("Redis, which holds it: {}", late())),
        }
    }
    (api.queue_health)()
}

fn late() -> String {
    format!("no answer within {} seconds", PATIENCE.as_secs())
}
