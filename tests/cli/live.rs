//! The live feed of an installation with several API processes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sqlx::PgPool;
use syncline_support::{
    events::{Event, Events},
    http::client,
    serving::{Serving, until},
};

use super::{
    common::{Own, Places},
    postgres::places::pool,
};

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
    while got.last().is_none_or(|(id, ..)| *id < last) {
        got.push(events.next().await?.context("the stream ended")?);
    }
    let written: Vec<(i64, String)> =
        sqlx::query_as("SELECT seq, type FROM events ORDER BY seq").fetch_all(&pool).await?;
    let heard: Vec<(i64, String)> = got.iter().map(|(id, kind, _)| (*id, kind.clone())).collect();
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
    let kinds: Vec<&str> =
        told.iter().map(|(kind, _)| kind.as_str()).filter(|kind| !kind.starts_with("worker.")).collect();
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
