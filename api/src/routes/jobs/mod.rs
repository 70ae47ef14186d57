//! Jobs: runs of syncs in the queue.

pub(crate) mod cancel;
pub(crate) mod create;
pub mod list;
mod many;
pub mod priority;
pub mod show;

pub use cancel::CancelledJob;
pub(crate) use create::unknown_sync;
pub use create::{AcceptedJob, JobKind, NewJob, accepted};
pub use list::{DeadCount, JobFilter, JobList, ListedJob};
pub use many::{AcceptedJobs, JobResult, NewJobs};
pub use show::{AttemptView, ItemCounts, JobView, QueueView};

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Paths of related resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Links {
    /// The path of the job itself.
    #[serde(rename = "self")]
    pub this: String,
    /// The path of the run that caused it.
    pub parent: Option<String>,
}

impl Links {
    /// Of a job that no run caused.
    fn of(prefix: &str, id: Uuid) -> Links {
        Links { this: address(prefix, id), parent: None }
    }
}

/// The path of a job, on a server whose paths have a prefix.
fn address(prefix: &str, id: Uuid) -> String {
    format!("{prefix}/api/v1/jobs/{id}")
}
