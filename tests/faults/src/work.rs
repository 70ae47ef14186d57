//! What the jobs of a campaign do.

use std::{sync::Arc, thread, time::Duration};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_limits::{Answer, Dimension, Lane, Limits, Request};
use syncline_queue::{LeasedJob, NewJob, Outcome, RetryPolicy};
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;

/// The kind of all jobs of a campaign.
pub(crate) const KIND: &str = "fault";

/// What one job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Task {
    /// Waits, whatever becomes of its lease: it is the fence that must stop its later writes.
    Wait { ms: u64 },
    /// Is one call of an account that may make so many a second, or snoozes until its turn.
    Limited { rate: u32 },
    /// Waits, and holds its thread meanwhile.
    Block { ms: u64 },
    /// Waits, and stops when it is told to, as good handlers do.
    Heed { ms: u64 },
    /// Ends its process.
    Abort,
    /// Panics.
    Panic,
}

impl Task {
    /// A job that does this, which may be tried often.
    pub(crate) fn job(&self, queue: &str) -> NewJob {
        NewJob {
            queue: queue.to_owned(),
            max_attempts: 100,
            retry: RetryPolicy { base: Duration::from_millis(50), cap: Duration::from_millis(500) },
            ..NewJob::new(KIND, json!(self))
        }
    }
}

/// Runs one job and writes what it did to the ledger.
pub(crate) async fn handle(
    ledger: Ledger,
    worker: String,
    stopping: CancellationToken,
    limits: Arc<dyn Limits>,
    leased: LeasedJob,
) -> Result<Outcome> {
    let job = &leased.job;
    let task: Task = match serde_json::from_value(job.payload.clone()) {
        Ok(task) => task,
        Err(error) => {
            let reason = "payload not understood".to_owned();
            return Ok(Outcome::Dead { reason, error: error.to_string() });
        }
    };
    if let Task::Limited { rate } = task {
        let calls = Dimension::steady("calls", rate.into(), Duration::from_secs(1));
        let request = Request::new("account", Lane::Edit).cost(&calls, 1.0);
        match limits.take(&request).await? {
            Answer::Granted(_) => {}
            Answer::WaitFor { delay, .. } => return Ok(Outcome::Snooze { delay }),
        }
    }
    let claim = job.lease_ref();
    let (order, slot) = (job.order_key.as_deref(), job.concurrency_key.as_deref());
    if !ledger.start(claim, job.attempt, &worker, order, slot).await? {
        // Another claim was faster: this one has no business any more.
        return Ok(Outcome::Done);
    }
    match task {
        Task::Limited { .. } => {}
        Task::Wait { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
        Task::Block { ms } => thread::sleep(Duration::from_millis(ms)),
        Task::Heed { ms } => {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(ms)) => {}
                () = leased.lease.cancelled() => return Ok(Outcome::Cancelled),
                () = stopping.cancelled() => return Ok(Outcome::Snooze { delay: Duration::ZERO }),
            }
        }
        Task::Abort => std::process::abort(),
        Task::Panic => panic!("as the payload asks"),
    }
    ledger.end(claim, &worker).await?;
    Ok(Outcome::Done)
}
