//! Redis flushed, with jobs accepted through the API: their runs stand in SQL, and the queue is filled from there again.

use std::time::{Duration, Instant};

use anyhow::Result;
use rand::Rng;

use crate::{
    installation::Installation,
    report::{Figures, Report},
    stage::{Expect, Stage},
};

/// Seconds from the request of a run to its start; longer than it takes to ask for all of a round.
const DELAY: u64 = 2;

pub(super) async fn flushed(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (syncs, times) = stage.pick((60, 1), (120, 3));
    let installation = Installation::new(&stage.system, syncs, "").await?;
    let api = installation.serve(&["api"])?;
    let mut workers = Vec::new();
    for _ in 0..2 {
        workers.push(installation.serve(&["worker", "--concurrency", "1"])?);
    }
    let mut accepted = Vec::new();
    let mut longest = Duration::ZERO;
    for _ in 0..times {
        // A run takes a few milliseconds: all are due at about the same time, so that some wait when it is flushed.
        let asked = Instant::now();
        for sync in 0..syncs {
            accepted.push(installation.ask(&api, sync, DELAY).await?);
        }
        let moment = Duration::from_millis(stage.random.random_range(0..20));
        tokio::time::sleep((Duration::from_secs(DELAY) + moment).saturating_sub(asked.elapsed())).await;
        let open =
            "SELECT COUNT(*) FROM sync_history WHERE status NOT IN ('completed', 'failed', 'cancelled')";
        let waiting = installation.count(open).await?;
        stage.system.redis()?.command(&["FLUSHALL"])?;
        let flushed = Instant::now();
        stage.check(waiting > 0, "nothing was under way when Redis was flushed");
        while installation.count(open).await? > 0 && flushed.elapsed() < Duration::from_secs(60) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        longest = longest.max(flushed.elapsed());
    }
    accepted.sort();
    accepted.dedup();
    let mut lost = 0;
    for id in &accepted {
        lost += u64::from(installation.status(id)? != "completed");
    }
    for replica in workers.into_iter().chain([api]) {
        let code = replica.terminate()?;
        stage.check(code == Some(0), format!("a replica ended with {code:?}"));
    }
    stage.note(format!("{times} times flushed, all done again within {:.1} s", longest.as_secs_f64()));
    let figures = Figures { jobs: accepted.len() as u64, lost, ..Figures::default() };
    stage.report(name, figures, Expect::default())
}
