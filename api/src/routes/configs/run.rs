//! `POST /api/v1/sync/configs/{id}/run` and `/dry-run`.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use syncline_entity::types::Priority;
use syncline_service::{Caller, runs::enqueue, syncs::StoredSync};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{OfProject, found};
use crate::{
    access::By,
    extract::{InPath, JobId, MaybeJson, StrictQuery},
    prefer::Wait,
    problem::Problem,
    repeat::id_of,
    routes::jobs::{
        AcceptedJob, JobKind, JobView, NewJob,
        create::{Items, accepted, request},
        show::show,
    },
    schema::maybe_words,
    state::ApiState,
};

/// How to run a sync. Unknown keys are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(examples(json!({ "full": true })))]
pub struct RunRequest {
    /// The priority; by default that of the sync.
    #[schema(schema_with = maybe_words::<Priority>)]
    pub priority: Option<Priority>,
    /// Read both sides completely.
    pub full: bool,
    /// Treat missing items as deleted at once.
    pub confirm_deletes: bool,
    /// Consent to this many deletes, past the guard.
    #[schema(maximum = 18446744073709551615_u64, format = "uint64")]
    pub allow_deletes: Option<u64>,
    /// Consent to the deletes of these items alone, by the id of either item of their links.
    pub allow_deletes_of: Vec<String>,
    /// Only these items of one side.
    pub items: Option<Items>,
    /// The run's id, if the caller chooses it: a second request with the same id finds the same run.
    pub id: Option<Uuid>,
    /// Seconds until the run may begin.
    #[schema(maximum = 316224000)]
    pub delay: Option<u64>,
    /// The run begins no earlier than this.
    pub not_before: Option<DateTime<Utc>>,
    /// Accept the run also while a pause keeps it from beginning: it begins when that ends.
    pub waits_for_pauses: bool,
}

/// Run a sync
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/{id}/run",
    operation_id = "run_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject, Wait),
    request_body = Option<RunRequest>,
    responses(
        (status = 200, description = "The run is over.", body = JobView),
        (status = 202, description = "The run waits, or waited already.", body = AcceptedJob,
            headers(("Location" = String, description = "The path of the job."))),
    ),
)]
pub(crate) async fn run(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
    wait: Wait,
    headers: HeaderMap,
    MaybeJson(asked): MaybeJson<RunRequest>,
) -> Result<Response, Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    begin(api, caller, sync, JobKind::Sync, wait, &headers, asked).await
}

/// Plan a run of a sync
///
/// Nothing is written to either side. `GET /api/v1/sync/history/{run}/plan` has the plan.
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/{id}/dry-run",
    operation_id = "plan_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject, Wait),
    request_body = Option<RunRequest>,
    responses(
        (status = 200, description = "The plan is made.", body = JobView),
        (status = 202, description = "The run waits, or waited already.", body = AcceptedJob,
            headers(("Location" = String, description = "The path of the job."))),
    ),
)]
pub(crate) async fn dry_run(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
    wait: Wait,
    headers: HeaderMap,
    MaybeJson(asked): MaybeJson<RunRequest>,
) -> Result<Response, Problem> {
    let sync = found(&api, &caller, &of, &id).await?;
    begin(api, caller, sync, JobKind::Plan, wait, &headers, asked).await
}

async fn begin(
    api: ApiState,
    caller: Caller,
    sync: StoredSync,
    kind: JobKind,
    wait: Wait,
    headers: &HeaderMap,
    asked: RunRequest,
) -> Result<Response, Problem> {
    let RunRequest {
        priority,
        full,
        confirm_deletes,
        allow_deletes,
        allow_deletes_of,
        items,
        id,
        delay,
        not_before,
        waits_for_pauses,
    } = asked;
    let id = match id {
        Some(id) => Some(id),
        None => id_of(&caller, headers)?,
    };
    let job = NewJob {
        sync: sync.name.clone(),
        project: Some(sync.project.clone()),
        kind,
        priority,
        full,
        confirm_deletes,
        allow_deletes,
        allow_deletes_of,
        items,
        id,
        delay,
        not_before,
        waits_for_pauses,
    };
    let enqueued = enqueue(&api.db, &api.queue, &caller, &sync, &request(&job)?).await?;
    if wait.for_end(&api.db, enqueued.id).await? {
        let shown = show(State(api), By(caller), JobId(enqueued.id)).await?;
        return Ok((wait.applied(), shown).into_response());
    }
    let job = accepted(api.hosts.prefix(), sync.row.name, sync.project, kind, &enqueued);
    Ok((StatusCode::ACCEPTED, [(LOCATION, job.links.this.clone())], Json(job)).into_response())
}
