//! One file per kind of job; `kinds.rs` lists them.

mod failure;
pub(crate) mod kinds;
mod operation;
mod plan;
mod purge;
mod run;
mod sync;

pub use plan::{ITEMS_KEPT, show};
pub use purge::purge_job;

use std::{sync::Arc, time::Duration};

use syncline_queue::{LeasedJob, Outcome};

use crate::environment::Environment;

/// Delay of a job with a newer payload version, so that workers that can read it get it.
const LEFT_TO_NEWER: Duration = Duration::from_secs(5);

/// Runs one job. Errors of the run are outcomes; an error here means that Syncline's own database failed.
pub async fn handle(environment: Arc<Environment>, leased: LeasedJob) -> anyhow::Result<Outcome> {
    let kind = kinds::of(&leased.job.kind);
    if leased.job.payload_version > kind.payload_version {
        return Ok(Outcome::Snooze { delay: LEFT_TO_NEWER });
    }
    (kind.handle)(&environment, &leased).await
}
