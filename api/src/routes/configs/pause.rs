//! `POST /api/v1/sync/configs/{id}/pause` and `/resume`.

use axum::{Json, extract::State};
use syncline_runs::pause::Subject;
use syncline_service::pauses;

use super::{OfProject, found};
use crate::{
    access::By,
    extract::{InPath, MaybeJson, StrictQuery},
    problem::Problem,
    routes::queues::{PauseDone, PauseReason},
    state::ApiState,
};

/// Let no run of a sync begin
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/{id}/pause",
    operation_id = "pause_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject),
    request_body = Option<PauseReason>,
    responses((status = 200, description = "The sync is paused.", body = PauseDone)),
)]
pub(crate) async fn pause(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
    MaybeJson(PauseReason { reason }): MaybeJson<PauseReason>,
) -> Result<Json<PauseDone>, Problem> {
    let config = found(&api, &caller, &of, &id).await?;
    let subject = (Subject::Sync(config.id), Some(config.project_id));
    let changed = pauses::pause(&api.db, &api.queue, &caller, subject, reason).await?;
    Ok(Json(PauseDone { paused: true, changed }))
}

/// Let the runs of a sync begin again
#[utoipa::path(
    post,
    path = "/api/v1/sync/configs/{id}/resume",
    operation_id = "resume_sync",
    tag = "syncs",
    params(("id" = String, Path, description = "The id of the sync, or its name."), OfProject),
    responses((status = 200, description = "The sync is no longer paused.", body = PauseDone)),
)]
pub(crate) async fn resume(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<String>,
    StrictQuery(of): StrictQuery<OfProject>,
) -> Result<Json<PauseDone>, Problem> {
    let config = found(&api, &caller, &of, &id).await?;
    let subject = (Subject::Sync(config.id), Some(config.project_id));
    let changed = pauses::resume(&api.db, &api.queue, &caller, subject).await?;
    Ok(Json(PauseDone { paused: false, changed }))
}
