//! The queue in Redis: the same results, and a Redis that was emptied or is away costs time and no run.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use syncline_support::{http::client, places::Table, redis::Server, serving::until};

use super::common::{Places, ensure_tells, program, with_database};

/// A backlog and a table, and the queue in a Redis of the test's own.
async fn places(server: &Server, rows: usize) -> Result<Places> {
    let mut places = Places::new(rows, "").await?;
    places.program.set("REDIS_URL", &server.url());
    Ok(places)
}

fn run_of(told: &Value) -> Result<String> {
    Ok(told["id"].as_str().context("a run's id")?.to_owned())
}

async fn until_completed(places: &Places, run: &str) -> Result<()> {
    until("the run is completed", async || {
        let told = places.program.expect(0, &["--json", "runs", run])?.json()?;
        Ok(told.to_string().contains("\"status\":\"completed\"").then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_first_sync_and_a_second_one_go_through_redis() -> Result<()> {
    let server = Server::start(&[])?;
    let places = places(&server, 300).await?;
    let first = places.sync(0, &[])?;
    ensure!(first["created"] == 300, "{first}");
    ensure!(places.ensure_in_step().await?.len() == 300);
    let second = places.sync(0, &[])?;
    ensure!(second["created"] == 0 && second["updated"] == 0, "{second}");
    let keys = server.command(&["KEYS", "*"])?;
    ensure!(keys.contains("syncline:default}"), "the queue was in Redis: {keys:?}");
    Ok(())
}

#[tokio::test]
async fn the_demo_runs_on_redis_as_well() -> Result<()> {
    let server = Server::start(&[])?;
    let mut program = program()?;
    let folder = program.folder().display().to_string();
    program.set("TMPDIR", &folder);
    program.set("REDIS_URL", &server.url());
    let told = program.expect(0, &["demo", "files"])?;
    ensure_tells(&told.stdout, &["First sync", "backlog: completed", "Third sync: nothing has changed"])
}

#[tokio::test]
async fn what_was_enqueued_is_carried_out_by_a_worker() -> Result<()> {
    let server = Server::start(&[])?;
    let places = places(&server, 40).await?;
    let told = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    let again = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    ensure!(again["id"] == told["id"] && again["joined"] == true, "{again}");
    let worker = places.program.serve(&["worker"])?;
    until_completed(&places, &run_of(&told)?).await?;
    ensure!(places.ensure_in_step().await?.len() == 40);
    ensure!(worker.terminate()? == Some(0), "SIGTERM did not end it well");
    Ok(())
}

#[tokio::test]
async fn an_emptied_redis_loses_no_accepted_run() -> Result<()> {
    let server = Server::start(&[])?;
    let places = places(&server, 40).await?;
    let told = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    server.command(&["FLUSHALL"])?;
    let worker = places.program.serve(&["worker"])?;
    until_completed(&places, &run_of(&told)?).await?;
    ensure!(places.ensure_in_step().await?.len() == 40);
    ensure!(
        worker.log().contains("put back") || worker.log().contains("handed runs over"),
        "{}",
        worker.log()
    );
    Ok(())
}

#[tokio::test]
async fn a_redis_that_is_away_stops_nobody_and_loses_nothing() -> Result<()> {
    let mut server = Server::start(&[])?;
    let places = places(&server, 40).await?;
    server.kill()?;
    let told = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    let worker = places.program.serve(&["worker"])?;
    server.launch()?;
    until_completed(&places, &run_of(&told)?).await?;
    ensure!(places.ensure_in_step().await?.len() == 40);
    ensure!(worker.terminate()? == Some(0), "SIGTERM did not end it well");
    Ok(())
}

#[tokio::test]
async fn the_api_names_the_redis_that_is_away() -> Result<()> {
    let mut server = Server::start(&[])?;
    let places = places(&server, 1).await?;
    let api = places.program.serve(&["api"])?;
    let ask = async |path: &str| -> Result<(u16, Value)> {
        let began = Instant::now();
        let answer = client().get(api.url(path)).send().await?;
        ensure!(began.elapsed() < Duration::from_secs(8), "{path} took {:?}", began.elapsed());
        Ok((answer.status().as_u16(), answer.json().await?))
    };
    ensure!(ask("/readyz").await?.0 == 200);
    server.kill()?;
    for path in ["/api/v1/queues", "/api/v1/jobs"] {
        let (status, problem) = ask(path).await?;
        ensure!(status == 503 && problem["type"] == "urn:syncline:problem:queue-unavailable", "{problem}");
        let detail = problem["detail"].as_str().context("a detail")?;
        ensure!(detail.contains("Redis") && !detail.contains("database"), "{problem}");
    }
    let (status, ready) = ask("/readyz").await?;
    ensure!(status == 503 && ready["checks"]["database"] == "ok", "{ready}");
    ensure_tells(ready["checks"]["queue"].as_str().context("a check")?, &["Redis"])?;
    // A run is accepted all the same, and what needs no queue is answered.
    let told = client().post(api.url("/api/v1/jobs")).json(&json!({ "sync": "tasks" })).send().await?;
    ensure!(told.status() == 202, "{}", told.text().await?);
    ensure!(ask("/api/v1/sync/configs").await?.0 == 200);
    server.launch()?;
    until("Redis is back", async || Ok((ask("/readyz").await?.0 == 200).then_some(()))).await?;
    Ok(())
}

#[tokio::test]
async fn a_killed_workers_run_goes_on_at_once_on_its_machine() -> Result<()> {
    const LEASE: Duration = Duration::from_secs(600);
    let server = Server::start(&[])?;
    let mut places = places(&server, 12).await?;
    places.program.set("SYNCLINE_LEASE_MS", &LEASE.as_millis().to_string());
    ensure!(places.program.kill_at("remote_written", &["sync", "tasks"])?, "it came to its end");
    let again = Instant::now();
    places.sync(0, &[])?;
    ensure!(again.elapsed() < LEASE / 2, "it waited for the lease");
    ensure!(places.ensure_in_step().await?.len() == 12);
    Ok(())
}

#[tokio::test]
async fn a_worker_that_must_stop_gives_its_run_back() -> Result<()> {
    let server = Server::start(&[])?;
    let mut places = places(&server, 500).await?;
    places.apply("batch_size: 1")?;
    places.program.set("SYNCLINE_GRACE", "0");
    // Nobody waits for this lease.
    places.program.set("SYNCLINE_LEASE_MS", "600000");
    let told = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    let first = places.program.serve(&["worker"])?;
    let table = Table::open(&places.program.path("tasks.db")).await?;
    until("it is at work", async || Ok((!table.read().await?.is_empty()).then_some(()))).await?;
    ensure!(first.terminate()? == Some(0), "SIGTERM did not end it well");
    ensure!(table.read().await?.len() < 500, "it was through before it was told to stop");
    let second = places.program.serve(&["worker"])?;
    until_completed(&places, &run_of(&told)?).await?;
    ensure!(places.ensure_in_step().await?.len() == 500);
    let shown = places.program.expect(0, &["--json", "runs", &run_of(&told)?])?.json()?;
    ensure!(
        shown["attempts"].as_array().is_some_and(|attempts| attempts.len() == 1),
        "{}",
        shown["attempts"]
    );
    let error = shown["attempts"][0]["error"].as_str().unwrap_or_default();
    ensure_tells(error, &["given back by"])?;
    ensure!(second.terminate()? == Some(0), "SIGTERM did not end it well");
    Ok(())
}

#[test]
fn a_queue_in_redis_needs_an_address_and_never_shows_its_password() -> Result<()> {
    let mut program = with_database()?;
    let told = program.expect(2, &["--queue", "redis", "runs", "--limit", "1"])?;
    ensure_tells(&told.stderr, &["REDIS_URL"])?;
    program.set("REDIS_URL", "nonsense://me:s3cret@h");
    let told = program.expect(2, &["up", "--listen", "127.0.0.1:0"])?;
    ensure!(!told.stderr.contains("s3cret") && told.stderr.contains("REDIS_URL"), "{}", told.stderr);
    program.expect(0, &["--queue", "sql", "runs"])?;
    Ok(())
}

#[tokio::test]
async fn a_request_in_the_inbox_becomes_a_run_under_its_id() -> Result<()> {
    let server = Server::start(&[])?;
    let places = places(&server, 20).await?;
    let run = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    let request = format!(r#"{{"version":1,"id":"{run}","sync":"tasks"}}"#);
    // Twice, as a service does that does not know whether the first one arrived, and one that nobody can read.
    for entry in [request.as_str(), request.as_str(), "nonsense"] {
        server.command(&["RPUSH", "{syncline:default}:inbox", entry])?;
    }
    let worker = places.program.serve(&["worker"])?;
    until("the run is on record", async || {
        Ok((places.program.run(&["--json", "runs", run])?.code == Some(0)).then_some(()))
    })
    .await?;
    until_completed(&places, run).await?;
    ensure!(places.ensure_in_step().await?.len() == 20);
    until("the inbox is empty", async || {
        Ok((server.command(&["EXISTS", "{syncline:default}:inbox"])? == "0").then_some(()))
    })
    .await?;
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    ensure!(runs["runs"].as_array().is_some_and(|runs| runs.len() == 1), "{runs}");
    until("the bad one is refused", async || Ok(worker.log().contains("was refused").then_some(()))).await?;
    Ok(())
}

#[tokio::test]
async fn a_refused_request_keeps_its_id_and_is_replayed_into_the_inbox() -> Result<()> {
    let server = Server::start(&[])?;
    let places = places(&server, 20).await?;
    let run = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c";
    let request = format!(r#"{{"version":1,"id":"{run}","sync":"later"}}"#);
    server.command(&["RPUSH", "{syncline:default}:inbox", &request])?;
    let _worker = places.program.serve(&["worker"])?;
    let dead = async || {
        let told = places.program.expect(0, &["--json", "dead"])?.json()?;
        Ok(told["jobs"].as_array().and_then(|jobs| jobs.first().cloned()))
    };
    let letter = until("the request is refused", dead).await?;
    ensure!(letter["id"] == run && letter.to_string().contains("later"), "{letter}");
    let document = syncline_support::places::document("").replace("name: tasks", "name: later");
    places.program.write("later.yaml", &document)?;
    places.program.expect(0, &["apply", "later.yaml"])?;
    let replayed = places.program.expect(0, &["dead", "replay", run])?;
    ensure_tells(&replayed.stdout, &[&format!("{run}: replayed as run {run}")])?;
    until("the run is on record", async || {
        Ok((places.program.run(&["--json", "runs", run])?.code == Some(0)).then_some(()))
    })
    .await?;
    until_completed(&places, run).await?;
    ensure!(places.ensure_in_step().await?.len() == 20);
    Ok(())
}
