//! Jobs much longer than their lease.

use std::time::Duration;

use anyhow::Result;

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

pub(super) async fn alone(name: &'static str, mut stage: Stage) -> Result<Report> {
    let length = stage.lease * 10;
    let long = Task::Wait { ms: length.as_millis() as u64 }.job(QUEUE);
    stage.push(vec![long]).await?;
    // The others look for leases that ran out all the while.
    stage.crew.hire_as(3, |settings| settings.concurrency = 1)?;
    finish(name, stage, length).await
}

/// One worker with one slot claims as many as it may, and the long one is the first.
pub(super) async fn behind_prefetch(name: &'static str, mut stage: Stage) -> Result<Report> {
    let length = stage.lease * 10;
    let mut jobs = vec![Task::Wait { ms: length.as_millis() as u64 }.job(QUEUE)];
    jobs.extend(stage.waits(8, 10..50));
    stage.push(jobs).await?;
    stage.crew.hire_as(1, |settings| (settings.concurrency, settings.prefetch) = (1, 8))?;
    stage.until("SELECT count(*) FROM starts", 1, Duration::from_secs(30)).await?;
    stage.crew.hire_as(2, |settings| settings.concurrency = 1)?;
    finish(name, stage, length).await
}

async fn finish(name: &'static str, mut stage: Stage, length: Duration) -> Result<Report> {
    stage.drained(length + Duration::from_secs(30)).await;
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}
