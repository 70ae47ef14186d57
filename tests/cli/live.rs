//! The live feed of an installation with several API processes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::json;
use sqlx::PgPool;
use syncline_support::{
    events::{Event, Events},
    http::client,
    redis,
    serving::{Serving, until},
};

use super::{
    common::{Own, Places, number},
    postgres::places::pool,
};

/// Where the queue of an installation is, beside its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Database,
    Redis,
}

async fn listen(server: &Serving, after: i64) -> Result<Events> {
    Events::open(client().get(server.url(&format!("/api/v1/events?after={after}")))).await
}

async fn newest(pool: &PgPool) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events").fetch_one(pool).await?)
}

#[tokio::test]
async fn a_client_of_a_server_that_was_killed_goes_on_at_another_one() -> Result<()> {
    let places = Places::new_on(Own::Postgres, 5, "").await?;
    let url = places.program.variable("DATABASE_URL").context("a database")?;
    let pool = pool(&url).await?;
    let (first, second) = (places.program.serve(&["api"])?, places.program.serve(&["api"])?);
    let worker = places.program.serve(&["worker", "--concurrency", "2"])?;
    let mut events = listen(&first, 0).await?;
    let ask = async |server: &Serving, number: usize| -> Result<()> {
        let body = json!({ "sync": "tasks", "items": { "side": "source", "ids": [format!("T-{number}")] } });
        let answer = client().post(server.url("/api/v1/jobs")).json(&body).send().await?;
        ensure!(answer.status().is_success(), "{}", answer.text().await?);
        Ok(())
    };
    let mut got: Vec<Event> = Vec::new();
    for number in 0..20 {
        ask(&second, number).await?;
    }
    while got.len() < 15 {
        got.push(events.next().await?.context("the stream ended")?);
    }
    // Dropped without a word, as SIGKILL does.
    drop(first);
    for number in 20..40 {
        ask(&second, number).await?;
    }
    while let Some(event) = events.next().await? {
        got.push(event);
    }
    let over = "SELECT COUNT(*) FROM sync_history WHERE completed_at IS NULL";
    until("the end of all runs", async || {
        let open: i64 = sqlx::query_scalar(over).fetch_one(&pool).await?;
        Ok((open == 0).then_some(()))
    })
    .await?;
    worker.terminate()?;
    let last = newest(&pool).await?;
    let mut events = listen(&second, events.position().context("a position")?).await?;
    while got.iter().all(|(id, ..)| *id < last) {
        got.push(events.next().await?.context("the stream ended")?);
    }
    let written: Vec<(i64, String)> =
        sqlx::query_as("SELECT seq, type FROM events ORDER BY seq").fetch_all(&pool).await?;
    let heard: Vec<(i64, String)> =
        got.iter().map(|(id, kind, _)| (*id, kind.clone())).filter(|(id, _)| *id > 0).collect();
    ensure!(heard == written, "{heard:?} of {written:?}");
    let kinds: BTreeSet<&str> = heard.iter().map(|(_, kind)| kind.as_str()).collect();
    for kind in
        ["config.created", "run.accepted", "run.started", "run.completed", "worker.joined", "worker.left"]
    {
        ensure!(kinds.contains(kind), "{kind} is missing: {kinds:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_sync_does_is_told() -> Result<()> {
    let places = Places::new(3, "").await?;
    let server = places.program.serve(&["api"])?;
    let mut events = listen(&server, 0).await?;
    places.sync(0, &[])?;
    let mut told = Vec::new();
    while told.last().is_none_or(|(kind, _)| kind != "run.completed") {
        let (_, kind, event) = events.next().await?.context("the stream ended")?;
        told.push((kind, event["data"].clone()));
    }
    let kinds: Vec<&str> = told
        .iter()
        .map(|(kind, _)| kind.as_str())
        .filter(|kind| !kind.starts_with("worker.") && *kind != "run.progressed")
        .collect();
    ensure!(
        kinds == ["config.created", "run.accepted", "run.started", "item.created", "run.completed"],
        "{kinds:?}"
    );
    let of = |kind: &str| told.iter().find(|(own, _)| own == kind).map(|(_, data)| data).context("an event");
    let created = of("item.created")?;
    ensure!(
        created["count"] == 3 && created["links"].as_array().is_some_and(|links| links.len() == 3),
        "{created}"
    );
    let completed = of("run.completed")?;
    ensure!(completed["created"] == 3 && completed["success"] == true, "{completed}");
    Ok(())
}

/// Two API processes and a worker tell the same, each of them, wherever database and queue are.
#[rstest]
#[tokio::test]
async fn two_replicas_tell_the_same(
    #[values((Own::Sqlite, Queue::Database), (Own::Postgres, Queue::Database), (Own::Postgres, Queue::Redis))]
    on: (Own, Queue),
) -> Result<()> {
    let redis = match on.1 {
        Queue::Redis => Some(redis::Server::start(&[])?),
        Queue::Database => None,
    };
    let mut places = Places::new_on(on.0, 3_000, "batch_size: 20").await?;
    if let Some(redis) = &redis {
        places.program.set("REDIS_URL", &redis.url());
    }
    let (first, second) = (places.program.serve(&["api"])?, places.program.serve(&["api"])?);
    let _worker = places.program.serve(&["worker", "--concurrency", "2"])?;
    let mut heard = Vec::new();
    for server in [&first, &second] {
        let types = "run.accepted,run.started,run.progressed,run.completed";
        let address = server.url(&format!("/api/v1/events?types={types}"));
        heard.push(Events::open(client().get(address)).await?);
    }
    let answer = client().post(first.url("/api/v1/jobs")).json(&json!({ "sync": "tasks" })).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    let mut stored = Vec::new();
    for events in &mut heard {
        let (mut kept, mut last, mut times) = (Vec::new(), 0, 0);
        loop {
            let (id, kind, event) = events.next().await?.context("the stream ended")?;
            ensure!(event["source"] == "/projects/default/syncs/tasks", "{event}");
            if kind != "run.progressed" {
                kept.push((id, kind.clone()));
                if kind == "run.completed" {
                    break;
                }
                continue;
            }
            ensure!(event["sequence"].is_null() && event["subject"] == event["data"]["run"], "{event}");
            let (done, total) = (number(&event["data"], "done")?, number(&event["data"], "total")?);
            ensure!(done >= last && done <= total, "{done} of {total} after {last}");
            (last, times) = (done, times + 1);
        }
        ensure!(times > 0, "nothing was told of a run of 3,000 items on {on:?}");
        stored.push(kept);
    }
    ensure!(stored[0] == stored[1], "{stored:?}");
    let kinds: Vec<&str> = stored[0].iter().map(|(_, kind)| kind.as_str()).collect();
    ensure!(kinds == ["run.accepted", "run.started", "run.completed"], "{kinds:?}");
    let told = places.program.expect(0, &["--json", "events", "--limit", "1000"])?;
    ensure!(!told.stdout.contains("progressed"), "what is passed on is not kept");
    Ok(())
}
