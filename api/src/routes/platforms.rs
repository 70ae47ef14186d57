//! `POST /api/v1/platforms/{name}/pause` and `/resume`.

use axum::{Json, extract::State};
use syncline_entity::types::PauseScope;
use syncline_service::pauses;

use super::queues::{PauseDone, PauseReason};
use crate::{
    access::By,
    extract::{InPath, MaybeJson},
    problem::Problem,
    state::ApiState,
};

/// Let no run of the syncs of a platform begin
#[utoipa::path(
    post,
    path = "/api/v1/platforms/{name}/pause",
    operation_id = "pause_platform",
    tag = "queues",
    params(("name" = String, Path, description = "The name of the platform, such as `github`.")),
    request_body = Option<PauseReason>,
    responses((status = 200, description = "The platform is paused.", body = PauseDone)),
)]
pub(crate) async fn pause(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(name): InPath<String>,
    MaybeJson(PauseReason { reason }): MaybeJson<PauseReason>,
) -> Result<Json<PauseDone>, Problem> {
    let subject = pauses::subject(&api.db, PauseScope::Platform, &name).await?;
    let changed = pauses::pause(&api.db, &api.queue, &caller, subject, reason).await?;
    Ok(Json(PauseDone { paused: true, changed }))
}

/// Let the runs of the syncs of a platform begin again
#[utoipa::path(
    post,
    path = "/api/v1/platforms/{name}/resume",
    operation_id = "resume_platform",
    tag = "queues",
    params(("name" = String, Path, description = "The name of the platform, such as `github`.")),
    responses((status = 200, description = "The platform is no longer paused.", body = PauseDone)),
)]
pub(crate) async fn resume(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(name): InPath<String>,
) -> Result<Json<PauseDone>, Problem> {
    let subject = pauses::subject(&api.db, PauseScope::Platform, &name).await?;
    let changed = pauses::resume(&api.db, &api.queue, &caller, subject).await?;
    Ok(Json(PauseDone { paused: false, changed }))
}
