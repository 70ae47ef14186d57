//! `POST /api/v1/sync/configs/{id}/pause` and `/resume`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sea_orm::EntityTrait;
use syncline_entity::sync_config;
use syncline_runs::pause::Subject;
use syncline_service::{Caller, pauses};

use super::queues::{PauseDone, PauseReason};
use crate::{access::By, extract::MaybeJson, problem::Problem, state::ApiState};

pub(crate) async fn pause(
    State(api): State<ApiState>,
    By(caller): By,
    Path(id): Path<String>,
    MaybeJson(PauseReason { reason }): MaybeJson<PauseReason>,
) -> Result<Json<PauseDone>, Problem> {
    let config = find(&api, &caller, &id).await?;
    let subject = (Subject::Sync(config.id), Some(config.project_id));
    let changed = pauses::pause(&api.db, &api.queue, &caller, subject, reason).await?;
    Ok(Json(PauseDone { paused: true, changed }))
}

pub(crate) async fn resume(
    State(api): State<ApiState>,
    By(caller): By,
    Path(id): Path<String>,
) -> Result<Json<PauseDone>, Problem> {
    let config = find(&api, &caller, &id).await?;
    let subject = (Subject::Sync(config.id), Some(config.project_id));
    let changed = pauses::resume(&api.db, &api.queue, &caller, subject).await?;
    Ok(Json(PauseDone { paused: false, changed }))
}

async fn find(api: &ApiState, caller: &Caller, id: &str) -> Result<sync_config::Model, Problem> {
    let Ok(number) = id.parse::<i64>() else {
        let detail = format!("{id:?} is not the id of a sync, which is a number");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid-id", "Invalid id", &*detail)
            .with_field("id", detail));
    };
    let found = sync_config::Entity::find_by_id(number).one(&api.db).await?;
    let seen = |config: &sync_config::Model| config.deleted_at.is_none() && caller.sees(config.project_id);
    found.filter(seen).ok_or_else(|| {
        let detail =
            format!("There is no sync with the id {id:?}; GET /api/v1/schedules lists those there are");
        Problem::new(StatusCode::NOT_FOUND, "unknown-sync", "Unknown sync", detail)
    })
}
