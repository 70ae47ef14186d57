//! A Redis server that answers, and answers no.

use std::time::Duration;

use anyhow::Result;
use rand::Rng;
use syncline_queue::Error;

use crate::{
    report::Report,
    stage::{Expect, Stage},
};

/// Longer than a lease, so that jobs are taken from their workers in the midst of it.
const MORE: Duration = Duration::from_secs(1);

/// Puts a key aside, and a text in its place.
const BREAK: &str =
    "redis.call('RENAME', KEYS[1], KEYS[2]) return redis.call('SET', KEYS[1], 'not what it was')";

async fn at_work(stage: &mut Stage) -> Result<()> {
    let jobs = stage.pick(200, 4_000);
    let jobs = stage.waits(jobs, 20..220);
    stage.push(jobs).await?;
    stage.crew.hire(4)?;
    stage.until("SELECT count(*) FROM starts", 40, Duration::from_secs(30)).await
}

/// A push must be refused with a typed error, and jobs of it are not ours then.
async fn refused(stage: &mut Stage) {
    let jobs = stage.waits(1, 0..1);
    match stage.backend.push(&jobs).await {
        Err(Error::Unavailable(error)) => stage.note(format!("pushes were told: {error}")),
        other => stage.check(false, format!("a push to a store that takes nothing came to {other:?}")),
    }
}

async fn finish(name: &'static str, mut stage: Stage) -> Result<Report> {
    let after = stage.waits(20, 20..60);
    stage.push(after).await?;
    stage.drained(Duration::from_secs(90)).await;
    stage.close(name, Expect::default()).await
}

pub(super) async fn out_of_memory(name: &'static str, mut stage: Stage) -> Result<Report> {
    at_work(&mut stage).await?;
    let began = stage.ledger.now().await?;
    stage.system.redis()?.command(&["CONFIG", "SET", "maxmemory", "1"])?;
    refused(&mut stage).await;
    tokio::time::sleep(stage.lease + MORE).await;
    stage.crew.roll_call(&stage.ledger, false).await?;
    stage.system.redis()?.command(&["CONFIG", "SET", "maxmemory", "0"])?;
    stage.ledger.fault(None, "out of memory", began).await?;
    finish(name, stage).await
}

/// The server becomes a replica of one that is not there, which takes no writes.
pub(super) async fn read_only(name: &'static str, mut stage: Stage) -> Result<Report> {
    at_work(&mut stage).await?;
    let began = stage.ledger.now().await?;
    stage.system.redis()?.command(&["REPLICAOF", "127.0.0.1", "1"])?;
    refused(&mut stage).await;
    tokio::time::sleep(stage.lease + MORE).await;
    stage.crew.roll_call(&stage.ledger, false).await?;
    stage.system.redis()?.command(&["REPLICAOF", "NO", "ONE"])?;
    stage.ledger.fault(None, "read-only", began).await?;
    finish(name, stage).await
}

/// Somebody else has written a text where the queue keeps something else: one key at a time, then repaired.
pub(super) async fn wrong_type(name: &'static str, mut stage: Stage) -> Result<Report> {
    at_work(&mut stage).await?;
    let rounds = stage.pick(4, 12);
    let mut broken = Vec::new();
    for _ in 0..rounds {
        // Those that every worker asks for all the time.
        let keys = stage.system.redis()?.command(&["KEYS", "*"])?;
        let shared: Vec<&str> =
            keys.lines().filter(|key| [":jobs", ":r2", ":w2"].iter().any(|end| key.ends_with(end))).collect();
        let key = shared[stage.random.random_range(0..shared.len())].to_owned();
        let began = stage.ledger.now().await?;
        let aside = format!("aside-{key}");
        let moved = stage.system.redis()?.command(&["EVAL", BREAK, "2", &key, &aside]);
        if moved.is_err() {
            // It has gone between the look and the move.
            continue;
        }
        tokio::time::sleep(stage.pick(Duration::from_millis(700), Duration::from_secs(2))).await;
        stage.crew.roll_call(&stage.ledger, false).await?;
        stage.system.redis()?.command(&["RENAME", &aside, &key])?;
        stage.ledger.fault(None, "wrong type", began).await?;
        broken.push(key);
    }
    broken.sort();
    broken.dedup();
    stage.note(format!("broken: {}", broken.join(" ")));
    let words = stage.crew.words();
    let named = broken.iter().filter(|key| words.contains(key.as_str())).count();
    stage.check(named > 0, "no worker said which key is not what it should be");
    finish(name, stage).await
}
