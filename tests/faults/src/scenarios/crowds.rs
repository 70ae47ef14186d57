//! Very many jobs of one sort at once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rand::Rng;
use serde_json::json;
use syncline_queue::{ClaimRequest, NewJob, State};

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

/// A worker that dies.
const HOLDER: &str = "holder";

pub(super) async fn due_at_once(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (count, ahead) = stage.pick((2_000, 4), (100_000, 30));
    let due = Instant::now() + Duration::from_secs(ahead);
    for _ in 0..count / 1_000 {
        let mut jobs = stage.waits(1_000, 0..1);
        for job in &mut jobs {
            let within = Duration::from_millis(stage.random.random_range(0..1_000));
            job.delay = due.saturating_duration_since(Instant::now()) + within;
        }
        stage.push(jobs).await?;
    }
    let late = Instant::now() > due;
    stage.check(!late, "the jobs were due before all of them were pushed");
    stage.crew.hire_as(4, |settings| settings.concurrency = 32)?;
    let early = stage.ledger.count("SELECT count(*) FROM starts").await?;
    stage.check(late || early == 0, format!("{early} jobs started before they were due"));
    stage.drained(Duration::from_secs(stage.pick(60, 360))).await;
    let span = stage.account().await?.span().as_secs_f64();
    stage.note(format!("started within {span:.1} s, {:.0} a second", count as f64 / span));
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}

pub(super) async fn dead_holder(name: &'static str, mut stage: Stage) -> Result<Report> {
    let count = stage.pick(500, 10_000);
    let jobs = stage.waits(count, 0..1);
    stage.push(jobs).await?;
    // The holder has claimed them all and starts none.
    let request = ClaimRequest {
        queue: QUEUE.to_owned(),
        worker_id: HOLDER.to_owned(),
        limit: 500,
        lease: stage.lease,
        concurrency_key: None,
        overdue_by: None,
    };
    let mut held = 0;
    while held < count {
        let claimed = stage.backend.claim(&request).await?.jobs.len();
        ensure!(claimed > 0, "only {held} jobs could be claimed");
        held += claimed;
    }
    let died = Instant::now();
    stage.crew.hire_as(4, |settings| settings.concurrency = 16)?;
    // All of them are free again soon after the lease; that they then need their time to run is no wonder.
    let bound = stage.lease + Duration::from_secs(2) + stage.pick(Duration::from_secs(8), Duration::ZERO);
    let mut freed = None;
    while died.elapsed() < Duration::from_secs(60) && freed.is_none() {
        if held_by(&stage, HOLDER).await? == 0 {
            freed = Some(died.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = freed.map_or("never".to_owned(), |freed| format!("{:.1} s", freed.as_secs_f64()));
    stage.check(
        freed.is_some_and(|freed| freed <= bound),
        format!("all were free again after {told}; the bound is {bound:?}"),
    );
    stage.note(format!("{held} held, free again after {told}"));
    stage.drained(Duration::from_secs(stage.pick(60, 120))).await;
    stage.close(name, Expect::default()).await
}

/// Jobs that this worker is said to run, as far as one page shows: the oldest are its.
async fn held_by(stage: &Stage, worker: &str) -> Result<u64> {
    let mut query = syncline_queue::JobQuery::new(QUEUE, State::Running);
    query.limit = 1_000;
    let page = stage.backend.list(&query).await?;
    Ok(page.jobs.iter().filter(|job| job.worker_id.as_deref() == Some(worker)).count() as u64)
}

pub(super) async fn poison(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (good, bad) = stage.pick((300, 180), (10_000, 6_000));
    let mut jobs = stage.waits(good, 0..1);
    for nth in 0..bad {
        let payload = match nth % 5 {
            0 => json!(null),
            1 => json!({ "do": "nothing that is known" }),
            2 => json!([[[[[["deep"]]]]]]),
            3 => json!("\u{FFFD} a text instead of an object \u{1F480}"),
            _ => json!({ "do": "wait", "ms": -1 }),
        };
        let at = stage.random.random_range(0..=jobs.len());
        jobs.insert(at, NewJob { payload, ..Task::Panic.job(QUEUE) });
    }
    // A few that panic, which is worse manners but no other case.
    let panics: Vec<_> = (0..5).map(|_| NewJob { max_attempts: 1, ..Task::Panic.job(QUEUE) }).collect();
    jobs.extend(panics);
    let poisonous: Vec<_> = jobs
        .iter()
        .filter(|job| job.payload.get("ms").is_none_or(|ms| ms.as_i64() < Some(0)))
        .map(|job| job.id)
        .collect();
    stage.excuse(poisonous.iter().copied());
    stage.push(jobs).await?;
    stage.crew.hire_as(4, |settings| settings.concurrency = 16)?;
    stage.drained(Duration::from_secs(stage.pick(60, 240))).await;
    let dead = stage.dead().await?;
    let all =
        dead.len() == poisonous.len() && poisonous.iter().all(|id| dead.iter().any(|job| job.id == *id));
    stage.check(all, format!("{} jobs are dead instead of {}", dead.len(), poisonous.len()));
    let silent = dead
        .iter()
        .filter(|job| job.dead_reason.is_none() || job.last_error.is_none() || job.attempt != 1)
        .count();
    stage.check(silent == 0, format!("{silent} dead jobs have no reason, no error, or not one attempt"));
    stage.note(format!("{} dead", dead.len()));
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}
