//! Workers killed one by one, and all at once.

use std::time::Duration;

use anyhow::Result;
use rand::Rng;

use crate::{
    report::Report,
    stage::{Expect, Stage},
};

/// How soon a job of a dead worker starts again, after its lease.
const NOTICED: Duration = Duration::from_secs(2);

pub(super) async fn one_by_one(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (jobs, kills, pause) = stage.pick((300, 4, 700), (10_000, 30, 1000));
    let jobs = stage.waits(jobs, 20..220);
    stage.push(jobs).await?;
    stage.crew.hire(4)?;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let victim = stage.random.random_range(0..stage.crew.members.len());
        stage.crew.kill(victim, &stage.ledger).await?;
        stage.crew.hire(1)?;
        stage.crew.roll_call(&stage.ledger, false).await?;
    }
    finish(name, stage).await
}

pub(super) async fn all_at_once(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (jobs, times) = stage.pick((400, 2), (3_000, 3));
    let jobs = stage.waits(jobs, 20..220);
    stage.push(jobs).await?;
    for _ in 0..times {
        stage.crew.hire(4)?;
        let busy = stage.ledger.count("SELECT count(*) FROM starts").await? + 40;
        stage.until("SELECT count(*) FROM starts", busy, Duration::from_secs(30)).await?;
        let moment = stage.random.random_range(0..300);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        stage.crew.kill_all(&stage.ledger).await?;
    }
    stage.crew.hire(4)?;
    finish(name, stage).await
}

async fn finish(name: &'static str, mut stage: Stage) -> Result<Report> {
    stage.drained(Duration::from_secs(90)).await;
    let account = stage.account().await?;
    stage.note(format!("{} killed", account.faults("killed")));
    stage.check(account.faults("killed") > 0, "nobody was killed");
    let expect = Expect { orphans_within: Some(stage.lease + NOTICED), ..Expect::default() };
    stage.close(name, expect).await
}
