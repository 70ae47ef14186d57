//! `POST /api/v1/jobs/{id}/priority`: changes the priority of a job that waits.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use syncline_entity::types::Priority as StoredPriority;
use syncline_runs::queue_priority;
use syncline_service::runs;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Links;
use crate::{
    access::By,
    extract::{JobId, JsonBody},
    problem::Problem,
    schema::{priority, words},
    state::ApiState,
};

/// The new priority of a job.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "priority": "high" })))]
pub struct NewPriority {
    #[schema(schema_with = words::<StoredPriority>)]
    pub priority: StoredPriority,
}

/// A job that has another priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "before": "normal", "priority": "high",
    "links": { "self": "/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "parent": null },
})))]
pub struct PrioritySet {
    pub id: Uuid,
    #[schema(schema_with = priority)]
    pub before: &'static str,
    #[schema(schema_with = priority)]
    pub priority: &'static str,
    pub links: Links,
}

/// Change the priority of a job that waits
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/priority",
    operation_id = "set_job_priority",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The id of the job and of its run.")),
    request_body = NewPriority,
    responses((status = 200, description = "The job has this priority.", body = PrioritySet)),
)]
pub(crate) async fn set_priority(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(id): JobId,
    JsonBody(asked): JsonBody<NewPriority>,
) -> Result<Json<PrioritySet>, Problem> {
    let priority = queue_priority(asked.priority);
    let before = runs::set_priority(&api.db, &api.queue, &caller, id, priority).await?;
    let links = Links::of(api.hosts.prefix(), id);
    Ok(Json(PrioritySet { id, before: before.as_str(), priority: priority.as_str(), links }))
}
