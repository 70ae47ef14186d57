//! Operations: changes of many subjects, step by step. An operation is not a run of a sync; its row stores its
//! progress.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde_json::json;
use syncline_queue::{LeasedJob, Outcome};
use syncline_service::operations::{self, Step};
use uuid::Uuid;

use crate::environment::Environment;

/// How often the displayed progress is updated.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// How long an operation waits for room in the queue. It uses up no attempt.
const FULL_DELAY: Duration = Duration::from_secs(2);

pub(super) async fn handle(environment: &Environment, leased: &LeasedJob) -> anyhow::Result<Outcome> {
    let id = leased.job.payload["operation"].as_str().and_then(|id| Uuid::from_str(id).ok());
    let Some(id) = id else {
        let error = format!("payload {} has no operation's id", leased.job.payload);
        return Ok(Outcome::Dead { reason: "payload not understood".to_owned(), error });
    };
    match carry_out(environment, leased, id).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(operation = %id, error, "the operation did not come to its end");
            if leased.job.is_last_attempt() {
                operations::fail(&environment.db, id, &error).await.context("noting the failure")?;
            }
            Ok(Outcome::Retry { error, at_least: None })
        }
    }
}

async fn carry_out(environment: &Environment, leased: &LeasedJob, id: Uuid) -> anyhow::Result<Outcome> {
    let (began, mut shown) = (Instant::now(), Instant::now());
    loop {
        if leased.lease.cancel_requested() {
            operations::stop(&environment.db, id).await?;
        } else if !leased.lease.valid() {
            // Another worker has it, or this one ends; the next worker continues from the row.
            return Ok(Outcome::Snooze { delay: Duration::ZERO });
        }
        match operations::step(&environment.db, &environment.queue, id).await? {
            Step::More { done, skipped, total } => {
                if let Some(stop_at) = &environment.stop_at {
                    stop_at.reached("operation").await;
                }
                if shown.elapsed() >= PROGRESS_EVERY {
                    shown = Instant::now();
                    let progress = json!({ "done": done, "skipped": skipped, "total": total });
                    if let Err(error) = leased.lease.progress(&progress).await {
                        tracing::debug!(%error, "progress not shown");
                    }
                }
            }
            Step::Full => return Ok(Outcome::Snooze { delay: FULL_DELAY }),
            Step::Over(state) => {
                let seconds = began.elapsed().as_secs_f64();
                tracing::info!(operation = %id, %state, seconds, "the operation is over");
                return Ok(Outcome::Done);
            }
            Step::Unknown => return Ok(Outcome::Done),
        }
    }
}
