//! `POST /api/v1/jobs/{id}/cancel`: a waiting job ends at once, a running one is asked to stop.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use syncline_service::runs;
use uuid::Uuid;

use super::{Links, address};
use crate::{access::By, extract::JobId, problem::Problem, state::ApiState};

/// The result of a request to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CancelledJob {
    pub id: Uuid,
    /// `cancelled`: it has ended; `requested`: it runs and is asked to stop.
    pub result: &'static str,
    pub links: Links,
}

pub(crate) async fn cancel(
    State(api): State<ApiState>,
    By(caller): By,
    JobId(id): JobId,
) -> Result<(StatusCode, Json<CancelledJob>), Problem> {
    let asked = runs::cancel(&api.db, &api.queue, &caller, id).await?;
    let (status, result) =
        if asked { (StatusCode::ACCEPTED, "requested") } else { (StatusCode::OK, "cancelled") };
    Ok((status, Json(CancelledJob { id, result, links: Links { this: address(&api, id), parent: None } })))
}
