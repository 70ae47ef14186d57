//! `POST /api/v1/jobs/{id}/cancel`: a waiting job ends at once, a running one is asked to stop.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use syncline_service::runs;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Links;
use crate::{access::By, extract::JobId, problem::Problem, state::ApiState};

/// The result of a request to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "result": "cancelled", "links": { "self": "/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "parent": null } })))]
pub struct CancelledJob {
    pub id: Uuid,
    /// `cancelled`: it has ended; `requested`: it runs and is asked to stop.
    #[schema(schema_with = results)]
    pub result: &'static str,
    pub links: Links,
}

fn results() -> utoipa::openapi::Schema {
    crate::schema::one_of(["cancelled", "requested"])
}

/// End a waiting job, or ask a running one to stop
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/cancel",
    operation_id = "cancel_job",
    tag = "jobs",
    params(("id" = Uuid, Path, description = "The id of the job and of its run.")),
    responses(
        (status = 200, description = "The job has ended.", body = CancelledJob),
        (status = 202, description = "The job runs, and was asked to stop.", body = CancelledJob),
    ),
)]
pub(crate) async fn cancel(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(id): JobId,
) -> Result<(StatusCode, Json<CancelledJob>), Problem> {
    let asked = runs::cancel(&api.db, &api.queue, &caller, id).await?;
    let (status, result) =
        if asked { (StatusCode::ACCEPTED, "requested") } else { (StatusCode::OK, "cancelled") };
    Ok((status, Json(CancelledJob { id, result, links: Links::of(api.hosts.prefix(), id) })))
}
