//! Intervals and the queue: each tick fires once, and whoever is free does the work.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline_support::serving::until;

use super::common::{Own, Places, number};

const TICKS: usize = 5;

/// Runs that a schedule set off, the earliest first.
fn scheduled(places: &Places) -> Result<Vec<Value>> {
    let runs = places.program.expect(0, &["--json", "runs", "tasks", "--limit", "1000"])?.json()?;
    let runs = runs["runs"].as_array().context("runs")?;
    let ended = |run: &&Value| run["status"] == "completed";
    Ok(runs.iter().filter(ended).rev().cloned().collect())
}

/// The ticks that had a run, each as often as it had one.
async fn ticks(places: &Places) -> Result<Vec<String>> {
    let options = SqliteConnectOptions::new().filename(places.program.path("syncline.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let sql = "SELECT CAST(tick_at AS TEXT) FROM sync_history WHERE tick_at IS NOT NULL ORDER BY tick_at";
    Ok(sqlx::query_scalar(sql).fetch_all(&mut connection).await?)
}

#[tokio::test]
async fn an_interval_fires_by_itself() -> Result<()> {
    let places = Places::new(30, "sync_interval: 1").await?;
    let up = places.program.serve(&["up"])?;
    until("the schedule fires", async || Ok((!scheduled(&places)?.is_empty()).then_some(()))).await?;
    ensure!(places.ensure_in_step().await?.len() == 30);
    ensure!(up.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn two_workers_fire_each_tick_once_and_never_at_the_same_time() -> Result<()> {
    let places = Places::in_step(30, "sync_interval: 1").await?;
    let workers = [places.program.serve(&["worker"])?, places.program.serve(&["worker"])?];
    until("the schedule fires again and again", async || {
        Ok((ticks(&places).await?.len() >= TICKS).then_some(()))
    })
    .await?;
    for worker in workers {
        ensure!(worker.terminate()? == Some(0));
    }
    let ticks = ticks(&places).await?;
    let different: BTreeSet<&String> = ticks.iter().collect();
    ensure!(different.len() == ticks.len(), "a tick fired twice: {ticks:?}");
    // The first sync was asked for; every other run has a tick of its own.
    let runs = places.program.expect(0, &["--json", "runs", "tasks"])?.json()?;
    let all = runs["runs"].as_array().context("runs")?.len();
    ensure!(all == ticks.len() + 1, "{all} runs for {} ticks", ticks.len());
    let runs = scheduled(&places)?;
    for pair in runs.windows(2) {
        let [before, after] = [&pair[0]["completed_at"], &pair[1]["started_at"]];
        ensure!(before.as_str() <= after.as_str(), "two runs at once: {before} {after}");
    }
    Ok(())
}

#[tokio::test]
async fn a_disabled_sync_does_not_fire() -> Result<()> {
    let places = Places::new(3, "sync_interval: 1").await?;
    let document = std::fs::read_to_string(places.program.path("sync.yaml"))?;
    let other = document.replace("name: tasks", "name: resting\nenabled: false");
    places.program.write("other.yaml", &other)?;
    places.program.expect(0, &["apply", "other.yaml"])?;
    let worker = places.program.serve(&["worker"])?;
    until("the other sync fires twice", async || Ok((ticks(&places).await?.len() >= 2).then_some(())))
        .await?;
    ensure!(worker.terminate()? == Some(0));
    let runs = places.program.expect(0, &["--json", "runs", "resting"])?.json()?;
    ensure!(runs["runs"].as_array().is_some_and(Vec::is_empty), "{runs}");
    Ok(())
}

#[tokio::test]
async fn what_one_process_enqueues_another_carries_out() -> Result<()> {
    let places = Places::new(30, "").await?;
    let worker = places.program.serve(&["worker"])?;
    let queued = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    let run = queued["id"].as_str().context("a run")?.to_owned();
    let done = until("the worker carries it out", async || {
        let run = places.program.expect(0, &["--json", "runs", &run])?.json()?;
        Ok((run["status"] == "completed").then_some(run))
    })
    .await?;
    ensure!(number(&done, "created")? == 30, "{done}");
    ensure!(worker.terminate()? == Some(0));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_sync_that_waits_already_is_not_queued_twice(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::new_on(own, 3, "").await?;
    let first = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    let second = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    ensure!(first["joined"] == false && second["joined"] == true, "{first} {second}");
    ensure!(first["id"] == second["id"], "{first} {second}");
    // `sync` takes part in the run that waits, and does the work itself when nobody else does.
    ensure!(places.sync(0, &[])?["id"] == first["id"]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_sync_is_waited_for_while_a_worker_has_it(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::new_on(own, 300, "").await?;
    let worker = places.program.serve(&["worker"])?;
    for _ in 0..3 {
        places.sync(0, &[])?;
    }
    ensure!(places.ensure_in_step().await?.len() == 300);
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    let created: u64 =
        runs["runs"].as_array().into_iter().flatten().filter_map(|run| run["created"].as_u64()).sum();
    ensure!(created == 300, "{runs}");
    ensure!(worker.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn syncs_started_at_once_do_the_work_once() -> Result<()> {
    let places = Places::new(300, "").await?;
    let start = |_| places.program.start(&["sync", "tasks"]);
    let mut syncs = (0..4).map(start).collect::<Result<Vec<_>>>()?;
    for sync in &mut syncs {
        until("a sync ends", async || Ok(sync.has_ended()?.then_some(()))).await?;
    }
    ensure!(places.ensure_in_step().await?.len() == 300);
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    let runs = runs["runs"].as_array().context("runs")?;
    let created: u64 = runs.iter().filter_map(|run| run["created"].as_u64()).sum();
    ensure!(created == 300 && runs.iter().all(|run| run["success"] == true), "{runs:?}");
    Ok(())
}
