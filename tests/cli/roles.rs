//! `up`, `api` and `worker`: what they answer, whom they answer, and how they end.

use anyhow::{Context, Result, ensure};
use reqwest::{StatusCode, header};
use rstest::rstest;
use serde_json::{Value, json};
use syncline_support::{
    http::client,
    serving::{Serving, until},
};

use super::common::{Places, ensure_tells, program, with_database};

async fn get(role: &Serving, path: &str) -> Result<(StatusCode, String)> {
    let answer = client().get(role.url(path)).send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// Asks for a run of `tasks` and answers the job's path.
async fn ask(role: &Serving) -> Result<String> {
    let answer = client().post(role.url("/api/v1/jobs")).json(&json!({ "sync": "tasks" })).send().await?;
    ensure!(answer.status() == StatusCode::ACCEPTED, "{answer:?}");
    let place = answer.headers().get(header::LOCATION).context("a location")?.to_str()?.to_owned();
    let job: Value = answer.json().await?;
    ensure!(place == format!("/api/v1/jobs/{}", job["id"].as_str().unwrap_or_default()), "{job}");
    Ok(place)
}

async fn until_completed(role: &Serving, job: &str) -> Result<Value> {
    until("the job is completed", async || {
        let (status, text) = get(role, job).await?;
        ensure!(status == StatusCode::OK, "{status}: {text}");
        let job: Value = serde_json::from_str(&text)?;
        Ok((job["status"] == "completed").then_some(job))
    })
    .await
}

#[rstest]
#[case::up("up")]
#[case::api("api")]
#[case::worker("worker")]
#[tokio::test]
async fn every_role_tells_how_it_is_and_ends_well(#[case] name: &str) -> Result<()> {
    let program = with_database()?;
    let role = program.serve(&[name])?;
    let (status, text) = get(&role, "/healthz").await?;
    ensure!(status == StatusCode::OK, "{status}: {text}");
    ensure!(serde_json::from_str::<Value>(&text)?["role"] == name, "{text}");
    until("it is ready", async || {
        let (status, text) = get(&role, "/readyz").await?;
        Ok((status == StatusCode::OK && text.contains("\"ready\"")).then_some(()))
    })
    .await?;
    let (status, text) = get(&role, "/metrics").await?;
    ensure!(status == StatusCode::OK, "{status}: {text}");
    ensure_tells(
        &text,
        &["# TYPE syncline_queue_jobs gauge", "syncline_queue_jobs{queue=\"default\",state=\"waiting\""],
    )?;
    let (status, _) = get(&role, "/api/v1").await?;
    let expected = if name == "worker" { StatusCode::NOT_FOUND } else { StatusCode::OK };
    ensure!(status == expected, "/api/v1 of {name}: {status}");
    ensure!(role.terminate()? == Some(0), "SIGTERM did not end it well");
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_a_busy_worker_at_once() -> Result<()> {
    let mut places = Places::new(30, "").await?;
    places.program.set("SYNCLINE_TEST_STOP_AT", "remote_written");
    let up = places.program.serve(&["up"])?;
    let place = ask(&up).await?;
    until("the run is under way", async || Ok(up.log().contains("stopped at").then_some(()))).await?;
    up.signal()?;
    until("it waits for its run", async || Ok(up.log().contains("a second signal").then_some(()))).await?;
    up.signal()?;
    ensure!(up.wait()? == Some(130));
    // What it left in the middle goes on elsewhere, as after any crash.
    places.program.set("SYNCLINE_TEST_STOP_AT", "never");
    let up = places.program.serve(&["up"])?;
    let job = until_completed(&up, &place).await?;
    ensure!(job["success"] == true && places.ensure_in_step().await?.len() == 30, "{job}");
    ensure!(up.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn up_carries_out_what_it_is_asked_over_http() -> Result<()> {
    let places = Places::new(300, "").await?;
    let up = places.program.serve(&["up"])?;
    let place = ask(&up).await?;
    let job = until_completed(&up, &place).await?;
    ensure!(job["success"] == true && job["created"] == 300, "{job}");
    ensure!(job["attempts"].as_array().is_some_and(|attempts| attempts.len() == 1), "{job}");
    ensure!(places.ensure_in_step().await?.len() == 300);
    let (_, metrics) = get(&up, "/metrics").await?;
    ensure_tells(
        &metrics,
        &[
            "sync_operations_total{platform=\"sql\",status=\"completed\"} 300",
            "sync_runs_total{platform=\"sql\"",
            "syncline_queue_pushed_total{queue=\"default\",priority=\"normal\",result=\"new\"} 1",
            "syncline_queue_settled_total{queue=\"default\",priority=\"normal\",outcome=\"done\"} 1",
            "syncline_queue_settled_total{queue=\"default\",priority=\"normal\",outcome=\"retry\"} 0",
            "syncline_queue_wait_seconds_count{queue=\"default\",priority=\"normal\"} 1",
            "syncline_queue_run_seconds_bucket{queue=\"default\",priority=\"normal\",le=\"600\"} 1",
            "syncline_queue_takeovers_total{queue=\"default\"} 0",
            "syncline_queue_leases_lost_total{queue=\"default\"} 0",
        ],
    )?;
    let (status, stats) = get(&up, "/api/v1/sync/stats?sync=tasks").await?;
    ensure!(
        status == StatusCode::OK && serde_json::from_str::<Value>(&stats)?["total"]["created"] == 300,
        "{stats}"
    );
    ensure!(up.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn what_the_api_takes_waits_for_a_worker() -> Result<()> {
    let places = Places::new(30, "").await?;
    let api = places.program.serve(&["api"])?;
    let place = ask(&api).await?;
    let (_, text) = get(&api, &place).await?;
    ensure!(serde_json::from_str::<Value>(&text)?["status"] == "queued", "{text}");
    let worker = places.program.serve(&["worker"])?;
    until_completed(&api, &place).await?;
    ensure!(places.ensure_in_step().await?.len() == 30);
    ensure!(worker.terminate()? == Some(0) && api.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn an_unknown_sync_is_told_over_http() -> Result<()> {
    let program = with_database()?;
    let api = program.serve(&["api"])?;
    let asked = client().post(api.url("/api/v1/jobs")).json(&json!({ "sync": "nobody" }));
    let answer = asked.send().await?;
    ensure!(answer.status() == StatusCode::NOT_FOUND, "{answer:?}");
    ensure!(answer.headers()[header::CONTENT_TYPE] == "application/problem+json", "{answer:?}");
    ensure_tells(&answer.text().await?, &["nobody", "syncline apply"])
}

#[tokio::test]
async fn a_request_for_another_host_is_refused() -> Result<()> {
    let program = with_database()?;
    let api = program.serve(&["api"])?;
    let foreign = client().get(api.url("/api/v1")).header(header::HOST, "evil.example").send().await?;
    ensure!(foreign.status() == StatusCode::MISDIRECTED_REQUEST, "{foreign:?}");
    let local = format!("localhost:{}", api.address.port());
    let local = client().get(api.url("/api/v1")).header(header::HOST, local).send().await?;
    ensure!(local.status() == StatusCode::OK, "{local:?}");
    Ok(())
}

#[tokio::test]
async fn a_foreign_page_starts_nothing() -> Result<()> {
    let places = Places::new(3, "").await?;
    let api = places.program.serve(&["api"])?;
    let asked = client().post(api.url("/api/v1/jobs")).json(&json!({ "sync": "tasks" }));
    let answer = asked.header(header::ORIGIN, "https://evil.example").send().await?;
    ensure!(answer.status() == StatusCode::FORBIDDEN, "{answer:?}");
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    ensure!(runs["runs"] == json!([]), "{runs}");
    Ok(())
}

#[rstest]
#[case::up("up", "0.0.0.0:0")]
#[case::api("api", "[::]:0")]
fn an_address_that_others_can_reach_needs_a_token(#[case] role: &str, #[case] address: &str) -> Result<()> {
    let refused = with_database()?.expect(2, &[role, "--listen", address])?;
    let host = address.trim_end_matches(":0");
    ensure_tells(
        &refused.stderr,
        &[host, "can be reached by other machines", "syncline tokens create", "SYNCLINE_TOKEN"],
    )
}

#[test]
fn a_port_that_is_taken_is_named() -> Result<()> {
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let refused = program()?.expect(2, &["up", "--listen", &address])?;
    ensure_tells(&refused.stderr, &["--listen", &address, "in use"])
}

#[tokio::test]
async fn a_process_says_when_its_schema_was_taken_away() -> Result<()> {
    let program = with_database()?;
    let api = program.serve(&["api"])?;
    program.expect(0, &["migrate", "down"])?;
    let (status, text) = get(&api, "/readyz").await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {text}");
    ensure_tells(&text, &["syncline migrate up"])?;
    ensure!(get(&api, "/healthz").await?.0 == StatusCode::OK, "a restart would mend nothing");
    program.expect(0, &["migrate", "up"])?;
    let (status, text) = get(&api, "/readyz").await?;
    ensure!(status == StatusCode::OK, "{status}: {text}");
    Ok(())
}

#[rstest]
#[case::api("api", "SYNCLINE_API_ADDR", "127.0.0.1:")]
#[case::older_api("up", "SYNC_PORT", "")]
#[case::worker("worker", "SYNCLINE_WORKER_ADDR", "127.0.0.1:")]
#[case::older_worker("worker", "MONITOR_PORT", "")]
#[tokio::test]
async fn the_environment_says_where_a_role_listens(
    #[case] role: &str,
    #[case] name: &str,
    #[case] before: &str,
) -> Result<()> {
    let mut program = with_database()?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    program.set(name, &format!("{before}{port}"));
    let _running = program.start(&[role])?;
    let url = format!("http://127.0.0.1:{port}/healthz");
    until("it answers there", async || Ok(client().get(&url).send().await.ok().map(|_| ()))).await
}

#[test]
fn a_port_that_is_none_is_named() -> Result<()> {
    let mut program = with_database()?;
    program.set("SYNC_PORT", "many");
    let refused = program.expect(2, &["api"])?;
    ensure_tells(&refused.stderr, &["SYNC_PORT", "many", "1 to 65535"])
}

#[test]
fn a_strategy_of_a_later_version_is_said_to_be_one() -> Result<()> {
    let program = program()?;
    program.write("sync.yaml", &syncline_support::places::document("conflict_strategy: merge"))?;
    let refused = program.expect(2, &["validate", "sync.yaml"])?;
    ensure_tells(&refused.stderr, &["sync.yaml:1:20", "merge", "not in this version", "last_write_wins"])
}
