//! Workers that stand still: every thread blocked by handlers, or the whole process stopped.

use std::time::Duration;

use anyhow::Result;
use rand::Rng;

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

/// Handlers that hold every thread of their runtime keep their leases, since these are renewed elsewhere.
pub(super) async fn blocked(name: &'static str, mut stage: Stage) -> Result<Report> {
    let length = stage.lease * 3;
    let block = Task::Block { ms: length.as_millis() as u64 };
    // As many as both workers have threads, and slots for all of them.
    let jobs = (0..4).map(|_| block.job(QUEUE)).collect();
    stage.push(jobs).await?;
    stage.crew.hire_as(2, |settings| (settings.concurrency, settings.threads) = (2, 2))?;
    stage.until("SELECT count(*) FROM starts", 2, Duration::from_secs(30)).await?;
    stage.crew.hire(1)?;
    stage.drained(length * 2 + Duration::from_secs(30)).await;
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}

/// A worker that was stopped for three leases finds its jobs with others. It does not look and writes all the same: the
/// fence refuses that, and the queue refuses its outcomes.
pub(super) async fn frozen(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (jobs, times) = stage.pick((120, 1), (2_000, 4));
    let jobs = stage.waits(jobs, 200..600);
    stage.push(jobs).await?;
    stage.crew.hire(3)?;
    for _ in 0..times {
        let busy = stage.ledger.count("SELECT count(*) FROM starts").await? + 24;
        stage.until("SELECT count(*) FROM starts", busy, Duration::from_secs(30)).await?;
        let victim = stage.random.random_range(0..3);
        let length = stage.lease * 3;
        stage.crew.freeze(victim, length, &stage.ledger).await?;
        tokio::time::sleep(length + Duration::from_millis(500)).await;
        stage.crew.thawed().await?;
    }
    stage.drained(Duration::from_secs(90)).await;
    // Those that were refused may be on their way to the ledger.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let expect =
        Expect { orphans_within: Some(stage.lease + Duration::from_secs(2)), late: 1, ..Expect::default() };
    stage.close(name, expect).await
}
