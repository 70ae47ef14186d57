//! Ticks of schedules with several replicas: each makes one run.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    installation::Installation,
    report::{Figures, Report},
    stage::{Expect, Stage},
};

const TICKS: &str = "SELECT COUNT(*) FROM sync_history WHERE tick_at IS NOT NULL";

pub(super) async fn once_each(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (syncs, ticks, replicas) = stage.pick((4, 24, 3), (20, 600, 5));
    let every_second = "schedule: \"* * * * * *\"\ntimezone: Europe/Berlin";
    let installation = Installation::new(&stage.system, syncs, every_second).await?;
    let workers = (0..replicas).map(|_| installation.serve(&["worker"])).collect::<Result<Vec<_>>>()?;
    let until = Instant::now() + Duration::from_secs(stage.pick(60, 180));
    while installation.count(TICKS).await? < ticks && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // No more of them, and those that fired come to their end.
    let resting = "UPDATE sync_configs SET enabled = FALSE";
    sea_orm::ConnectionTrait::execute_unprepared(&installation.db, resting).await?;
    let open = format!("{TICKS} AND status NOT IN ('completed', 'failed', 'cancelled')");
    while installation.count(&open).await? > 0 && Instant::now() < until + Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for worker in workers {
        let code = worker.terminate()?;
        stage.check(code == Some(0), format!("a worker ended with {code:?}"));
    }
    let distinct = "SELECT COUNT(*) FROM (SELECT DISTINCT schedule_id, tick_at FROM sync_history \
                    WHERE tick_at IS NOT NULL) AS ticks";
    let (runs, distinct) = (installation.count(TICKS).await?, installation.count(distinct).await?);
    let done = installation.count(&format!("{TICKS} AND status = 'completed'")).await?;
    stage.check(runs >= ticks, format!("only {runs} ticks fired in time"));
    stage.note(format!("{distinct} ticks, {runs} runs, {replicas} replicas"));
    let figures =
        Figures { jobs: runs, lost: runs - done, twice_not_allowed: runs - distinct, ..Figures::default() };
    stage.report(name, figures, Expect { once: true, ..Expect::default() })
}
