//! A limit of an account that four processes share.

use std::time::Duration;

use anyhow::Result;

use crate::{
    report::Report,
    stage::{Expect, QUEUE, Stage},
    work::Task,
};

const RATE: u32 = 100;
/// Usable at once, see `Dimension::steady`.
const BURST: usize = 10;
/// A call is noted some moments after it was granted, so that one second may show some of the one before.
const LATE: usize = 25;

pub(super) async fn shared(name: &'static str, mut stage: Stage) -> Result<Report> {
    let count = stage.pick(300, 3_000);
    let jobs = (0..count).map(|_| Task::Limited { rate: RATE }.job(QUEUE)).collect();
    stage.push(jobs).await?;
    stage.crew.hire(4)?;
    stage.drained(Duration::from_secs(120)).await;
    let account = stage.account().await?;
    let (times, span) = (account.times(), account.span().as_secs_f64());
    let most = (0..times.len())
        .map(|first| {
            times[first..]
                .iter()
                .take_while(|time| (**time - times[first]).num_milliseconds() < 1_000)
                .count()
        })
        .max()
        .unwrap_or_default();
    stage.check(most <= RATE as usize + BURST + LATE, format!("{most} calls within one second"));
    let may = f64::from(RATE) * span + (BURST + LATE) as f64;
    stage.check(count as f64 <= may, format!("{count} calls within {span:.1} s, where {may:.0} may be"));
    stage.note(format!("{:.1} calls a second, at most {most} in any second", count as f64 / span));
    stage.close(name, Expect { once: true, ..Expect::default() }).await
}
