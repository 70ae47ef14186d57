//! A store that goes away, stands still, or is behind a bad network.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use rand::Rng;

use crate::{
    proxy::Proxy,
    report::Report,
    stage::{Expect, Stage},
};

/// The store dies and comes back, with workers at work and a producer that goes on pushing.
pub(super) async fn restarts(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (jobs, times) = stage.pick((150, 2), (4_000, 5));
    let first = stage.waits(jobs, 20..220);
    stage.push(first).await?;
    stage.crew.hire(4)?;
    for _ in 0..times {
        let before = stage.random.random_range(500..1_500);
        tokio::time::sleep(Duration::from_millis(before)).await;
        let began = stage.ledger.now().await?;
        stage.system.shut().await?;
        let away = stage.random.random_range(300..2_500);
        tokio::time::sleep(Duration::from_millis(away)).await;
        stage.system.reopen().await?;
        stage.ledger.fault(None, "store away", began).await?;
        // Accepted while everybody else comes back, too.
        let more = stage.waits(jobs / 5, 20..220);
        stage.push(more).await?;
        stage.crew.roll_call(&stage.ledger, false).await?;
    }
    stage.drained(Duration::from_secs(90)).await;
    stage.note(format!("{times} times away"));
    stage.close(name, Expect::default()).await
}

pub(super) async fn pause(name: &'static str, mut stage: Stage) -> Result<Report> {
    let (jobs, times) = stage.pick((150, 1), (3_000, 3));
    let jobs = stage.waits(jobs, 20..220);
    stage.push(jobs).await?;
    stage.crew.hire(4)?;
    for _ in 0..times {
        let busy = stage.ledger.count("SELECT count(*) FROM starts").await? + 40;
        stage.until("SELECT count(*) FROM starts", busy, Duration::from_secs(30)).await?;
        let began = stage.ledger.now().await?;
        stage.system.pause(stage.lease * 2).await?;
        stage.ledger.fault(None, "store paused", began).await?;
    }
    stage.drained(Duration::from_secs(90)).await;
    stage.close(name, Expect::default()).await
}

pub(super) async fn proxy(name: &'static str, mut stage: Stage) -> Result<Report> {
    let jobs = stage.pick(200, 5_000);
    let seed = stage.random.random();
    let (proxy, mut harms) = Proxy::start(stage.system.door(), stage.pick(0.03, 0.01), seed).await?;
    let url = stage.system.url_through(proxy.port);
    let jobs = stage.waits(jobs, 20..220);
    stage.push(jobs).await?;
    stage.crew.hire_as(4, |settings| settings.url.clone_from(&url))?;
    let ledger = stage.ledger.clone();
    let noting = tokio::spawn(async move {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        while let Some(harm) = harms.recv().await {
            *counts.entry(harm.name()).or_default() += 1;
            let noted =
                async { ledger.fault_of(None, harm.name(), ledger.now().await?, harm.length()).await };
            if let Err(error) = noted.await {
                tracing::error!(%error, "a harm could not be noted");
            }
        }
        counts
    });
    stage.drained(Duration::from_secs(150)).await;
    stage.crew.roll_call(&stage.ledger, false).await?;
    drop(proxy);
    stage.crew.dismiss();
    let counts = tokio::time::timeout(Duration::from_secs(20), noting).await??;
    stage.check(counts.values().sum::<usize>() > 0, "no reply was harmed");
    stage.note(counts.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", "));
    stage.close(name, Expect::default()).await
}
