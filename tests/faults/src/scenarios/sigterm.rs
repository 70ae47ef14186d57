//! SIGTERM with long and short jobs: short ones end, long ones are given back, those in line stay there, and none costs an
//! attempt.

use std::time::Duration;

use anyhow::Result;

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

const GRACE: Duration = Duration::from_secs(3);

pub(super) async fn drain(name: &'static str, mut stage: Stage) -> Result<Report> {
    let long = Task::Heed { ms: 60_000 };
    let mut jobs: Vec<_> = (0..3).map(|_| long.job(QUEUE)).collect();
    let long: Vec<_> = jobs.iter().map(|job| job.id).collect();
    jobs.extend((0..5).map(|_| Task::Wait { ms: 1_500 }.job(QUEUE)));
    // These wait behind jobs that have all slots of the first worker.
    let behind = stage.waits(6, 10..50);
    let never: Vec<_> = behind.iter().map(|job| job.id).collect();
    jobs.extend(behind);
    stage.push(jobs).await?;
    stage.crew.hire_as(1, |settings| (settings.concurrency, settings.grace) = (8, GRACE))?;
    stage.until("SELECT count(*) FROM starts", 8, Duration::from_secs(30)).await?;
    let (took, code) = stage.crew.terminate(0, &stage.ledger).await?;
    stage.note(format!("stopped in {:.1} s", took.as_secs_f64()));
    stage.check(code == Some(0), format!("the worker ended with {code:?}"));
    let patience = GRACE + stage.pick(Duration::from_secs(8), Duration::from_secs(3));
    stage.check(took < patience, format!("the worker took {took:?} to stop"));

    for (jobs, started, which) in [(&long, 1, "long"), (&never, 0, "waiting")] {
        for id in jobs {
            let starts = stage.ledger.starts_of(*id).await?;
            let job = stage.backend.get(*id).await?;
            let told = job.as_ref().map(|job| (job.state.as_str(), job.attempt));
            stage.check(
                told == Some(("waiting", 0)) && starts == started,
                format!("a {which} job after the drain: {told:?}, {starts} starts"),
            );
        }
    }
    // The rest need not last a minute.
    for id in &long {
        stage.backend.cancel(*id).await?;
    }
    stage.excuse(long);
    stage.crew.hire(1)?;
    stage.drained(Duration::from_secs(60)).await;
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}
