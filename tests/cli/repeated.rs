//! Requests that are repeated after a crash of the server.

use anyhow::{Context, Result, ensure};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use syncline_support::{
    http::client,
    postgres::Database,
    serving::{Serving, until},
};

use super::common::program;

const DOCUMENT: &str = "name: tasks\nsource_platform: csv\nsource: { path: a.csv, key: id }\ntarget_platform: sql\n\
                        target: { url: 'sqlite://b.db', table: b, key: id }\nfield_mappings:\n  \
                        - { source_field: title, target_field: title }\n";

fn post(api: &Serving) -> RequestBuilder {
    let request = client().post(api.url("/api/v1/jobs")).json(&json!({ "sync": "tasks" }));
    request.header("idempotency-key", "order-4711")
}

/// The server is killed after the run was accepted, and before the answer was stored.
#[tokio::test]
async fn a_request_that_met_a_crash_is_one_run() -> Result<()> {
    let database = Database::create().await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &database.url());
    program.expect(0, &["migrate", "up"])?;
    program.write("sync.yaml", DOCUMENT)?;
    program.expect(0, &["apply", "sync.yaml"])?;
    // The answer is stored by an update, which waits here until it is cut.
    let hold = "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN PERFORM pg_sleep(300); RETURN NEW; END $$";
    database.execute(hold).await?;
    let trigger =
        "CREATE TRIGGER hold BEFORE UPDATE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION hold()";
    database.execute(trigger).await?;
    let runs = || -> Result<Value> { Ok(program.expect(0, &["--json", "runs"])?.json()?["runs"].clone()) };

    let api = program.serve(&["api"])?;
    let request = tokio::spawn(post(&api).send());
    let accepted =
        until("the run is accepted", async || Ok(runs()?[0]["id"].as_str().map(str::to_owned))).await?;
    let killed = std::process::Command::new("kill").args(["-9", &api.id().to_string()]).status()?;
    ensure!(killed.success(), "{killed}");
    ensure!(request.await?.is_err(), "there is no answer");
    drop(api);
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
               AND datname = current_database() AND query LIKE '%idempotency_keys%'";
    database.execute(cut).await?;
    database.execute("DROP TRIGGER hold ON idempotency_keys").await?;

    let api = program.serve(&["api"])?;
    let early = post(&api).send().await?;
    ensure!(early.status() == StatusCode::CONFLICT, "{early:?}");
    ensure!(early.headers().contains_key("retry-after"), "{early:?}");
    database.execute("UPDATE idempotency_keys SET created_at = created_at - interval '61 seconds'").await?;
    let again = post(&api).send().await?;
    ensure!(again.status() == StatusCode::ACCEPTED, "{again:?}");
    let body: Value = again.json().await?;
    ensure!(body["id"] == accepted.as_str() && body["joined"] == true, "{body}");
    let third = post(&api).send().await?;
    ensure!(third.headers().get("idempotency-replayed").context("a stored answer")? == "true", "{third:?}");
    let all = runs()?;
    ensure!(all.as_array().is_some_and(|runs| runs.len() == 1), "{all}");
    Ok(())
}

#[tokio::test]
async fn jobs_are_filtered_by_one_grammar() -> Result<()> {
    let program = super::common::with_database()?;
    program.write("sync.yaml", DOCUMENT)?;
    program.write("other.yaml", &DOCUMENT.replace("tasks", "others"))?;
    program.expect(0, &["apply", "sync.yaml", "other.yaml"])?;
    for sync in ["tasks", "others"] {
        program.expect(0, &["enqueue", sync])?;
    }
    let api = program.serve(&["api"])?;
    for (filter, expected) in [
        ("sync:tasks", 1),
        ("-sync:tasks", 1),
        ("sync:tasks,others kind:sync", 2),
        ("age:>1h", 0),
        ("age:<1h -worker:*", 2),
        ("OTHERS", 1),
    ] {
        let listed = program.expect(0, &["--json", "jobs", "--filter", filter])?.json()?;
        let count = listed["jobs"].as_array().context("jobs")?.len();
        ensure!(count == expected, "--filter {filter}: {listed}");
        let encoded = filter.replace(' ', "+").replace('>', "%3E").replace('<', "%3C");
        let asked = client().get(api.url(&format!("/api/v1/jobs?q={encoded}"))).send().await?;
        let listed: Value = asked.json().await?;
        ensure!(listed["jobs"].as_array().context("jobs")?.len() == expected, "q={filter}: {listed}");
    }
    let wrong = program.expect(2, &["jobs", "--filter", "snyc:tasks"])?;
    ensure!(wrong.stderr.contains("\"snyc\" is no key") && wrong.stderr.contains("sync"), "{}", wrong.stderr);
    let asked = client().get(api.url("/api/v1/jobs?q=snyc:tasks")).send().await?;
    ensure!(asked.status() == StatusCode::UNPROCESSABLE_ENTITY, "{asked:?}");
    Ok(())
}
