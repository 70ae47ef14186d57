//! Commands that write to Syncline's own database beside another writer.

use std::time::Duration;

use anyhow::{Result, ensure};
use sqlx::{Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline_support::{places::document, postgres::Database};

use super::common::{Places, program};

/// Long enough for a command to begin its transaction.
const HOLD: Duration = Duration::from_secs(3);

/// A conflict about the title of one task, number 1.
async fn disagree(places: &Places) -> Result<()> {
    places.edit("T-000001", "title", "Ours")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    places.sync(1, &[])?;
    Ok(())
}

/// Runs a command while another writer has SQLite's lock, and commits in the middle.
async fn beside_a_writer(places: &Places, arguments: &[&str]) -> Result<()> {
    let own = SqliteConnectOptions::new().filename(places.program.path("syncline.db"));
    let mut own = SqliteConnection::connect_with(&own).await?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut own).await?;
    sqlx::query("UPDATE projects SET name = name").execute(&mut own).await?;
    let mut command = places.program.start(arguments)?;
    tokio::time::sleep(HOLD).await;
    sqlx::query("COMMIT").execute(&mut own).await?;
    let code = command.wait()?;
    ensure!(code == Some(0), "{arguments:?} ended with {code:?}");
    Ok(())
}

#[tokio::test]
async fn apply_waits_for_another_writer() -> Result<()> {
    let places = Places::in_step(3, "").await?;
    places.program.write("sync.yaml", &document("sync_interval: 600"))?;
    beside_a_writer(&places, &["apply", "sync.yaml"]).await
}

#[tokio::test]
async fn a_choice_waits_for_another_writer() -> Result<()> {
    let places = Places::in_step(3, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    beside_a_writer(&places, &["conflicts", "resolve", "1", "--side", "source", "--no-wait"]).await
}

#[tokio::test]
async fn a_choice_counts_on_from_what_a_run_wrote_meanwhile() -> Result<()> {
    let mut program = program()?;
    let url = Database::create().await?.url();
    program.set("DATABASE_URL", &url);
    let places = Places::with(program, 3, "conflict_strategy: manual").await?;
    places.sync(0, &[])?;
    disagree(&places).await?;
    let mut own = PgConnection::connect(&url).await?;
    let version =
        "SELECT m.version FROM sync_metadata m JOIN sync_conflicts c ON c.link_id = m.id WHERE c.id = 1";
    let before: i64 = sqlx::query_scalar(version).fetch_one(&mut own).await?;
    let mut run = own.begin().await?;
    let write = "UPDATE sync_metadata SET version = version + 1 WHERE id = (SELECT link_id FROM sync_conflicts WHERE id = 1)";
    sqlx::query(write).execute(&mut *run).await?;
    let resolve = ["conflicts", "resolve", "1", "--side", "source", "--no-wait"];
    let mut command = places.program.start(&resolve)?;
    tokio::time::sleep(HOLD).await;
    run.commit().await?;
    ensure!(command.wait()? == Some(0));
    let after: i64 = sqlx::query_scalar(version).fetch_one(&mut own).await?;
    ensure!(after == before + 2, "the run's version {} was written again: {after}", before + 1);
    Ok(())
}
