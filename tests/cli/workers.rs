//! Who runs jobs, as `syncline workers` and whoever wants to take the tables away see it; on both databases.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::Value;
use syncline_support::{
    places::{Table, document, write_csv},
    postgres,
    program::Program,
    serving::until,
};
use syncline_worker::roster;

use super::common::{ensure_tells, program};

/// A program that beats ten times a second, and its database.
async fn stage(on_postgres: bool) -> Result<(Program, DatabaseConnection)> {
    let mut program = program()?;
    program.set("SYNCLINE_HEARTBEAT_MS", "100");
    let mut url = format!("sqlite://{}", program.path("syncline.db").display());
    if on_postgres {
        url = postgres::Database::create().await?.url();
        program.set("DATABASE_URL", &url);
    }
    program.expect(0, &["migrate", "up"])?;
    Ok((program, Database::connect(url).await?))
}

fn listed(program: &Program) -> Result<Vec<Value>> {
    let listed = program.expect(0, &["--json", "workers"])?.json()?;
    Ok(listed["workers"].as_array().context("workers")?.clone())
}

/// Runs a sync up to a step, and stays there.
fn stopped_sync(program: &Program) -> Result<Child> {
    let mut command = program.command(&["sync", "tasks"]);
    command.env("SYNCLINE_TEST_STOP_AT", "intent_committed").stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.spawn()?)
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn a_worker_is_listed_for_as_long_as_it_runs(#[case] on_postgres: bool) -> Result<()> {
    let (program, db) = stage(on_postgres).await?;
    ensure_tells(&program.expect(0, &["workers"])?.stdout, &["no workers are registered"])?;
    let worker = program.serve(&["worker", "--concurrency", "3"])?;
    let up = program.serve(&["up"])?;
    let rows = until("both are there", async || {
        let rows = listed(&program)?;
        Ok((rows.len() == 2).then_some(rows))
    })
    .await?;
    let newest = program.expect(0, &["--json", "migrate", "status"])?.json()?;
    let newest = newest["migrations"].as_array().and_then(|all| all.last()).context("migrations")?.clone();
    for row in &rows {
        ensure!(row["standing"] == "live" && row["schema_version"] == newest["name"], "{row}");
        ensure!(row["version"] == env!("CARGO_PKG_VERSION") && row["running"] == 0, "{row}");
    }
    ensure!(
        rows[0]["role"] == "worker" && rows[0]["concurrency"] == 3 && rows[1]["role"] == "up",
        "{rows:?}"
    );
    ensure_tells(&program.expect(0, &["workers"])?.stdout, &["worker", "live", "0 of 3"])?;
    ensure!(roster::live(&db).await?.len() == 2);

    // A row that somebody removes comes back with the next beat.
    db.execute_unprepared("DELETE FROM workers").await?;
    until("both are back", async || Ok((roster::live(&db).await?.len() == 2).then_some(()))).await?;
    ensure!(worker.terminate()? == Some(0) && up.terminate()? == Some(0));
    ensure!(listed(&program)?.is_empty(), "a row outlived its worker");
    Ok(())
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn a_command_with_a_worker_of_its_own_is_listed_and_one_that_was_killed_is_not_live(
    #[case] on_postgres: bool,
) -> Result<()> {
    let (program, db) = stage(on_postgres).await?;
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), 3)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "sync.yaml"])?;
    let mut sync = stopped_sync(&program)?;
    let process = i64::from(sync.id());
    let seen = until("it is there and at work", async || {
        let live = roster::live(&db).await?;
        Ok(live.into_iter().find(|worker| worker.pid == process && worker.running == 1))
    })
    .await?;
    ensure!(seen.role == "sync", "{seen:?}");
    sync.kill()?;
    sync.wait()?;
    // Nobody waits for its beats to be missed: its process is seen to be gone.
    ensure!(roster::live(&db).await?.is_empty());
    let rows = listed(&program)?;
    ensure!(rows.len() == 1 && rows[0]["standing"] == "dead" && rows[0]["pid"] == process, "{rows:?}");

    // A worker of a machine that cannot be seen from here is told by its age.
    let elsewhere = "UPDATE workers SET name = 'far-1-00000000', host = 'far'";
    db.execute_unprepared(elsewhere).await?;
    until("its beats are missed", async || Ok(roster::live(&db).await?.is_empty().then_some(()))).await?;
    ensure!(listed(&program)?[0]["standing"] == "silent");
    db.execute_unprepared("UPDATE workers SET heartbeat_at = heartbeat_at - 3600000000").await?;
    program.expect(0, &["sync", "tasks"])?;
    ensure!(listed(&program)?.is_empty(), "an hour later it is still there");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_drains_says_so() -> Result<()> {
    let (program, db) = stage(false).await?;
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), 3)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "sync.yaml"])?;
    let mut sync = stopped_sync(&program)?;
    until("it is at work", async || {
        Ok(roster::live(&db).await?.iter().any(|worker| worker.running == 1).then_some(()))
    })
    .await?;
    ensure!(Command::new("kill").args(["-TERM", &sync.id().to_string()]).status()?.success());
    until("it drains", async || {
        let live = roster::live(&db).await?;
        Ok(live.iter().any(|worker| worker.standing == roster::Liveness::Stopping).then_some(()))
    })
    .await?;
    sync.kill()?;
    sync.wait()?;
    Ok(())
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn a_worker_outlives_the_table_of_workers(#[case] on_postgres: bool) -> Result<()> {
    let (program, db) = stage(on_postgres).await?;
    let worker = program.serve(&["worker"])?;
    until("it is there", async || Ok((roster::live(&db).await?.len() == 1).then_some(()))).await?;
    db.execute_unprepared("ALTER TABLE workers RENAME TO elsewhere").await?;
    ensure!(roster::live(&db).await?.is_empty(), "an older schema has no workers");
    until("it says so", async || Ok(worker.log().contains("could not be registered").then_some(()))).await?;
    db.execute_unprepared("ALTER TABLE elsewhere RENAME TO workers; DELETE FROM workers").await?;
    until("it is back", async || Ok((roster::live(&db).await?.len() == 1).then_some(()))).await?;
    ensure!(worker.log().matches("could not be registered").count() == 1, "{}", worker.log());
    ensure!(worker.terminate()? == Some(0));
    Ok(())
}
