//! Jobs that end their process: exactly their attempts, then dead. Others beside them are done.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

const ATTEMPTS: u32 = 3;

pub(super) async fn exactly_its_attempts(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (bad, good) = stage.pick((1, 40), (5, 500));
    stage.crew.hire(2)?;
    let (mut ids, mut ended) = (Vec::new(), 0);
    // One after another: of two that a worker has claimed, one would use up an attempt of the other.
    for _ in 0..bad {
        let mut jobs = stage.waits(good / bad, 50..250);
        let abort = syncline_queue::NewJob { max_attempts: ATTEMPTS, ..Task::Abort.job(QUEUE) };
        ids.push(abort.id);
        jobs.insert(jobs.len() / 2, abort);
        stage.push(jobs).await?;
        let until = Instant::now() + Duration::from_secs(60);
        while stage.unfinished().await? > 0 && Instant::now() < until {
            let gone = stage.crew.roll_call(&stage.ledger, true).await?;
            ended += gone;
            stage.crew.hire(gone)?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    stage.excuse(ids.clone());
    stage.drained(Duration::from_secs(1)).await;
    stage.note(format!("{ended} processes ended"));

    let account = stage.account().await?;
    let dead = stage.dead().await?;
    for id in &ids {
        let starts = account.started(id);
        stage.check(
            starts == ATTEMPTS as usize,
            format!("a job that ends its process was started {starts} times"),
        );
        let found = dead.iter().find(|job| job.id == *id);
        let told = found.map(|job| (job.attempt, job.dead_reason.clone().unwrap_or_default()));
        stage.check(
            told.as_ref().is_some_and(|(attempt, reason)| *attempt == ATTEMPTS && reason.contains("crashed")),
            format!("a job that ends its process is {told:?}"),
        );
    }
    stage.check(dead.len() == bad, format!("{} jobs are dead instead of {bad}", dead.len()));
    // What was claimed together with such a job may be claimed with it again, and die with it again before it starts.
    let orphans_within = Some((stage.lease + Duration::from_secs(2)) * ATTEMPTS);
    stage.close(name, Expect { orphans_within, desertions_are_meant: true, ..Expect::default() }).await
}
