//! Jobs: runs of syncs in the queue.

mod cancel;
mod create;
pub(crate) mod list;
mod show;

pub use cancel::CancelledJob;
pub(crate) use cancel::cancel;
pub use create::{AcceptedJob, JobKind, NewJob};
pub(crate) use create::{create, unknown_sync};
pub use list::{JobFilter, JobList, ListedJob};
pub(crate) use show::show;
pub use show::{AttemptView, ItemCounts, JobView, QueueView};

use serde::Serialize;
use uuid::Uuid;

use crate::state::ApiState;

/// Paths of related resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
