//! `GET /health`: how the parts of an installation are, and since when. For people and for older monitors; probes ask
//! `/readyz`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Json, extract::State};
use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde::Serialize;
use syncline_entity::{circuit_breaker, sync_history, types::AlertLevel, worker};
use syncline_queue::State as JobState;
use syncline_runs::RUN_QUEUE;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::{problem::Problem, schema::words, state::ApiState};

/// Timeout of each part.
const PATIENCE: Duration = Duration::from_secs(2);

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Healthy,
    /// It works, with less than there should be.
    Degraded,
    Unhealthy,
}

/// The parts as they were last seen. Clones share it.
pub(crate) type Book = Arc<Mutex<BTreeMap<&'static str, Component>>>;

/// A part of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Component {
    status: Status,
    /// Since when this process has seen it so.
    since: DateTime<Utc>,
    /// Why it is not healthy.
    reason: Option<String>,
}

/// The response.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({ "overall": "degraded", "activeSyncs": 1, "queueSize": 3, "components": {
    "database": { "status": "healthy", "since": "2026-11-20T13:44:17.832345Z", "reason": null },
    "platforms": { "status": "degraded", "since": "2026-11-20T13:44:17.832345Z", "reason": "an account gets no calls" },
} })))]
pub(crate) struct Overall {
    /// The worst status of a part.
    overall: Status,
    /// Runs in progress; none if the database does not say.
    active_syncs: Option<u64>,
    /// Jobs that wait; none if the queue does not say.
    queue_size: Option<u64>,
    #[schema(value_type = BTreeMap<String, Component>)]
    components: BTreeMap<&'static str, Component>,
}

type Seen = (Status, Option<String>);

const WELL: Seen = (Status::Healthy, None);

/// Tell how the parts of the installation are, and since when
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "installation",
    responses((status = 200, description = "The parts, and the worst of their states.", body = Overall)),
)]
pub(crate) async fn health(State(api): State<ApiState>) -> Json<Overall> {
    let (database, queue, workers, platforms, active) =
        tokio::join!(database(&api), queue(&api), workers(&api), platforms(&api), active(&api));
    let (queue, queue_size) = queue;
    let tasks = match (api.task_health)() {
        Ok(()) => WELL,
        Err(reason) => (Status::Degraded, Some(reason)),
    };
    let seen = [
        ("database", database),
        ("queue", queue),
        ("workers", workers),
        ("platforms", platforms),
        // The background tasks: what waits goes into the queue, and schedules fire.
        ("eventProcessor", tasks),
    ];
    let components: BTreeMap<_, _> =
        seen.into_iter().map(|(name, seen)| (name, noted(&api.parts.0, name, seen))).collect();
    let overall = components.values().map(|part| part.status).max().unwrap_or(Status::Healthy);
    Json(Overall { overall, active_syncs: active, queue_size, components })
}

/// The part with the time since when it is so.
fn noted(book: &Book, name: &'static str, (status, reason): Seen) -> Component {
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    let since = match book.get(name) {
        Some(last) if last.status == status => last.since,
        _ => Utc::now().trunc_subsecs(6),
    };
    let now = Component { status, since, reason };
    book.insert(name, now.clone());
    now
}

fn unhealthy(reason: &str) -> Seen {
    (Status::Unhealthy, Some(reason.to_owned()))
}

async fn database(api: &ApiState) -> Seen {
    match timeout(PATIENCE, api.db.ping()).await {
        Ok(Ok(())) => WELL,
        _ => unhealthy("it does not answer"),
    }
}

async fn queue(api: &ApiState) -> (Seen, Option<u64>) {
    let counted = timeout(PATIENCE, api.queue.counts_lately(RUN_QUEUE)).await;
    let Ok(Ok(counts)) = counted else { return (unhealthy("its store does not answer"), None) };
    let waiting =
        counts.iter().filter(|count| count.state == JobState::Waiting).map(|count| count.jobs).sum();
    let seen = match (api.queue_health)() {
        Ok(()) => WELL,
        Err(reason) => unhealthy(&reason),
    };
    (seen, Some(waiting))
}

async fn workers(api: &ApiState) -> Seen {
    match timeout(PATIENCE, worker::live(&api.db)).await {
        Ok(Ok(live)) if !live.is_empty() => WELL,
        Ok(Ok(_)) => unhealthy("no worker is there, so nothing runs"),
        _ => (Status::Degraded, Some("not known while the database does not answer".to_owned())),
    }
}

/// An account that gets no calls for a while makes its platform degraded.
async fn platforms(api: &ApiState) -> Seen {
    let now = Utc::now().timestamp_micros() as f64;
    let open =
        circuit_breaker::Entity::find().filter(circuit_breaker::Column::OpenUntil.gt(now)).count(&api.db);
    match timeout(PATIENCE, open).await {
        Ok(Ok(0)) => WELL,
        Ok(Ok(1)) => {
            (Status::Degraded, Some("an account gets no calls for a while, because they fail".to_owned()))
        }
        Ok(Ok(open)) => {
            (Status::Degraded, Some(format!("{open} accounts get no calls for a while, because they fail")))
        }
        _ => (Status::Degraded, Some("not known while the database does not answer".to_owned())),
    }
}

async fn active(api: &ApiState) -> Option<u64> {
    let running = sync_history::Entity::find()
        .filter(sync_history::Column::Status.eq(syncline_entity::types::RunStatus::InProgress))
        .filter(sync_history::Column::CompletedAt.is_null())
        .count(&api.db);
    timeout(PATIENCE, running).await.ok()?.ok()
}

/// An alert that is not over.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Alert {
    id: i64,
    rule: String,
    subject: String,
    #[schema(schema_with = words::<AlertLevel>)]
    level: AlertLevel,
    value: f64,
    threshold: f64,
    message: String,
    raised_at: DateTime<Utc>,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_by: Option<String>,
}

/// All alerts that are not over.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(examples(json!({ "alerts": [{
    "id": 1, "rule": "queue_age", "subject": "default", "level": "warning", "value": 720.0, "threshold": 600.0,
    "message": "Jobs wait for 12 minutes", "raised_at": "2026-11-20T13:44:17.832345Z", "acknowledged_at": null,
    "acknowledged_by": null,
}] })))]
pub(crate) struct Alerts {
    alerts: Vec<Alert>,
}

/// List the alerts that are not over
#[utoipa::path(
    get,
    path = "/alerts",
    operation_id = "list_alerts",
    tag = "installation",
    responses((status = 200, description = "The alerts.", body = Alerts)),
)]
pub(crate) async fn alerts(State(api): State<ApiState>) -> Result<Json<Alerts>, Problem> {
    use syncline_entity::alert;
    let open = alert::Entity::find().filter(alert::Column::ClearedAt.is_null()).all(&api.db).await?;
    let view = |row: alert::Model| Alert {
        id: row.id,
        rule: row.rule,
        subject: row.subject,
        level: row.level,
        value: row.value,
        threshold: row.threshold,
        message: row.message,
        raised_at: row.raised_at,
        acknowledged_at: row.acknowledged_at,
        acknowledged_by: row.acknowledged_by,
    };
    Ok(Json(Alerts { alerts: open.into_iter().map(view).collect() }))
}
