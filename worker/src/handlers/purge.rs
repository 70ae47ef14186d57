//! The scheduled purge: no run of a sync, so it has no row but its job's, and what came of it stands with its task.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::json;
use syncline_queue::{Concurrency, LeasedJob, NewJob, Outcome, Priority, Unique, UniqueRule};

use crate::{
    environment::Environment,
    maintenance,
    purge::{Report, Watch, purge},
};
use syncline_runs::RUN_QUEUE;

/// What its jobs are called.
pub(super) const KIND: &str = "purge";
/// One of them waits and one runs.
const KEY: &str = "maintenance:purge";
/// Above that of run jobs, so that a worker which knows only those leaves the job to newer ones instead of burying it.
pub(super) const PAYLOAD_VERSION: i32 = 2;
/// How often the progress is put where people can see it.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// The job of a tick. One at a time waits, and one at a time runs.
pub fn purge_job() -> NewJob {
    NewJob {
        queue: RUN_QUEUE.to_owned(),
        payload_version: PAYLOAD_VERSION,
        priority: Priority::Low,
        // Every worker that is stopped in the middle uses one up, and what was done stays done.
        max_attempts: 20,
        unique: Some(Unique { key: KEY.to_owned(), rule: UniqueRule::WhileWaiting }),
        concurrency: Some(Concurrency::one(KEY)),
        ..NewJob::new(KIND, json!({}))
    }
}

pub(super) async fn handle(environment: &Environment, leased: &LeasedJob) -> Outcome {
    if leased.job.payload_version > PAYLOAD_VERSION {
        return Outcome::Snooze { delay: Duration::from_secs(5) };
    }
    let began = Instant::now();
    let watch = JobWatch { environment, leased, shown: Mutex::new(began) };
    let now = environment.clock.now();
    let ended = purge(&environment.db, now, &environment.retention, false, "maintenance", &watch).await;
    let seconds = began.elapsed().as_secs();
    let (result, outcome) = match ended {
        Ok(report) => {
            tracing::info!(removed = report.removed(), complete = report.complete, seconds, "purged");
            for (kind, tally) in &report.kinds {
                metrics::counter!("sync_purged_rows_total", "kind" => kind.as_str()).increment(tally.removed);
            }
            let outcome = match report.complete {
                true => Outcome::Done,
                false if leased.lease.cancel_requested() => Outcome::Cancelled,
                // The lease is lost, and the queue will not take this.
                false => Outcome::Snooze { delay: Duration::ZERO },
            };
            (json!({ "report": report, "seconds": seconds }), outcome)
        }
        Err(error) => {
            let error = format!("Syncline's database: {error}");
            tracing::warn!(error, "the purge did not come to its end");
            (json!({ "error": error, "seconds": seconds }), Outcome::Retry { error, at_least: None })
        }
    };
    if let Err(error) = maintenance::note(environment, KIND, &result).await {
        tracing::debug!(%error, "the purge's result was not kept");
    }
    outcome
}

struct JobWatch<'a> {
    environment: &'a Environment,
    leased: &'a LeasedJob,
    shown: Mutex<Instant>,
}

#[async_trait]
impl Watch for JobWatch<'_> {
    fn may_go_on(&self) -> bool {
        !self.leased.lease.cancel_requested() && self.leased.lease.valid()
    }

    async fn progress(&self, report: &Report) {
        {
            let mut shown = self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if shown.elapsed() < PROGRESS_EVERY {
                return;
            }
            *shown = Instant::now();
        }
        if let Err(error) = self.leased.lease.progress(&json!({ "removed": report.removed() })).await {
            tracing::debug!(%error, "progress not shown");
        }
    }

    async fn reached(&self, step: &'static str) {
        if let Some(stop_at) = &self.environment.stop_at {
            stop_at.reached(step).await;
        }
    }
}
