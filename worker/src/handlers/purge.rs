//! The scheduled purge. It is not a run of a sync, so its only row is that of its job; its result is stored with its
//! task.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use serde_json::json;
use syncline_queue::{Concurrency, LeasedJob, NewJob, Outcome, Priority};
use syncline_runs::RUN_QUEUE;
use syncline_upkeep::purge::{Report, Watch, purge};

use super::kinds::PURGE;
use crate::{environment::Environment, maintenance};

/// How often the displayed progress is updated.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Returns the job of a tick. At most one waits and at most one runs.
pub fn purge_job() -> NewJob {
    let key = PURGE.key;
    NewJob {
        queue: RUN_QUEUE.to_owned(),
        payload_version: PURGE.payload_version,
        priority: Priority::Low,
        // Each worker that is stopped during the job uses up an attempt, while the removed rows stay removed.
        max_attempts: 20,
        unique: key.map(str::to_owned),
        concurrency: key.map(Concurrency::one),
        ..NewJob::new(PURGE.name, json!({}))
    }
}

pub(super) async fn handle(environment: &Environment, leased: &LeasedJob) -> anyhow::Result<Outcome> {
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
                // The lease is lost, so the queue will refuse this outcome.
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
    if let Err(error) = maintenance::note(environment, &leased.job.kind, &result).await {
        tracing::debug!(%error, "the purge's result was not kept");
    }
    Ok(outcome)
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
