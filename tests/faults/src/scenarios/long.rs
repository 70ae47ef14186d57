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
    stage.drained(length + Duration::from_secs(30)).await;
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}
