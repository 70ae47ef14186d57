//! `POST /api/v1/jobs/{id}/cancel`: a waiting job ends at once, a running one is asked to stop.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use syncline_queue::Cancelled;
use syncline_runs::RunCancelled;
use uuid::Uuid;

use super::{Links, address};
use crate::{extract::JobId, problem::Problem, state::ApiState};

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
    JobId(id): JobId,
) -> Result<(StatusCode, Json<CancelledJob>), Problem> {
    let (status, result) = match syncline_runs::cancel(&api.db, &api.queue, id).await? {
        RunCancelled::Ended => (StatusCode::OK, "cancelled"),
        RunCancelled::Requested => (StatusCode::ACCEPTED, "requested"),
        RunCancelled::Over => {
            let detail = format!("The job {id} is over and cannot be cancelled");
            return Err(Problem::new(StatusCode::CONFLICT, "job-over", "Job over", detail));
        }
        // A job that is not a run.
        RunCancelled::Unknown => match api.queue.cancel(id).await? {
            Cancelled::Removed => (StatusCode::OK, "cancelled"),
            Cancelled::Requested => (StatusCode::ACCEPTED, "requested"),
            Cancelled::Unknown => {
                let detail = format!("There is no job {id} that could be cancelled");
                return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-job", "Unknown job", detail));
            }
        },
    };
    Ok((status, Json(CancelledJob { id, result, links: Links { this: address(id), parent: None } })))
}
