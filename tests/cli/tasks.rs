//! Background tasks that panic: each is started again, the process says so once, and work goes on.

use anyhow::{Result, ensure};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use syncline_support::{http::client, redis::Server, serving::until};

use super::common::{Places, ensure_tells};

#[rstest]
#[case("acknowledger")]
#[case("dispatcher")]
#[case("fetcher")]
#[case("heartbeat")]
#[case("inbox")]
#[case("lease keeper")]
#[case("listener")]
#[case("maintenance")]
#[case("metrics")]
#[case("rescuer")]
#[case("schedules")]
#[case("statistics")]
#[tokio::test]
async fn a_task_that_panics_is_started_again_and_work_goes_on(#[case] task: &str) -> Result<()> {
    let server = Server::start(&[])?;
    let mut places = Places::new(5, "sync_interval: 1\n").await?;
    places.program.set("REDIS_URL", &server.url());
    places.program.set("SYNCLINE_TEST_PANIC_IN", task);
    let up = places.program.serve(&["up"])?;
    until("it has panicked", async || Ok(up.log().contains("a background task ended").then_some(()))).await?;
    let client = client();
    let answer = client.get(up.url("/readyz")).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {text}");
    ensure_tells(&text, &[&format!("tasks: {task}: it panicked: a panic planted by a test")])?;
    let asked = client.post(up.url("/api/v1/jobs")).json(&json!({ "sync": "tasks" })).send().await?;
    let job: Value = asked.json().await?;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap_or_default());
    until("the job is completed", async || {
        let job: Value = client.get(up.url(&path)).send().await?.json().await?;
        Ok((job["status"] == "completed").then_some(()))
    })
    .await?;
    let metrics = async || anyhow::Ok(client.get(up.url("/metrics")).send().await?.text().await?);
    let before = runs(&metrics().await?);
    until("schedules go on", async || Ok((runs(&metrics().await?) > before).then_some(()))).await?;
    let metrics = metrics().await?;
    ensure_tells(&metrics, &[&format!("syncline_task_restarts_total{{task=\"{task}\"}} 1")])?;
    let told = up.log().lines().filter(|line| line.contains("a background task ended")).count();
    ensure!(told == 1, "told {told} times:\n{}", up.log());
    ensure!(up.terminate()? == Some(0));
    Ok(())
}

/// Runs that have ended.
fn runs(metrics: &str) -> u64 {
    let counts = metrics.lines().filter(|line| line.starts_with("sync_runs_total{"));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
