//! Jobs: runs of syncs in the queue.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod list;
mod many;
pub mod priority;
pub(crate) mod show;

pub use cancel::CancelledJob;
pub(crate) use create::unknown_sync;
pub use create::{AcceptedJob, JobKind, NewJob};
pub use list::{DeadCount, JobFilter, JobList, ListedJob};
pub use many::{AcceptedJobs, JobResult, NewJobs};
pub use show::{AttemptView, ItemCounts, JobView, QueueView};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::state::ApiState;

/// Paths of related resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Links {
    /// The path of the job itself.
    #[serde(rename = "self")]
    pub this: String,
    /// The path of the run that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// The path of a job.
fn address(api: &ApiState, id: Uuid) -> String {
    format!("{}/api/v1/jobs/{id}", api.hosts.prefix())
}
