//! Tables that are not as they should be, and rows that a table refuses.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sqlx::{
    Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteLockingMode},
};
use syncline_support::{places::document, serving::until};

use super::common::{Places, ensure_tells, number};

const ROWS: usize = 30;

#[rstest]
#[case::a_missing_table("table: tasks", "table: chores", &["no table", "chores"])]
#[case::a_missing_key("key: id, modified", "key: code, modified", &["\"code\"", "columns are"])]
#[case::a_missing_modified("modified: updated_at", "modified: changed_on", &["\"changed_on\"", "columns are"])]
#[case::a_missing_database("tasks.db", "elsewhere.db", &["elsewhere.db", "no such"])]
#[case::a_missing_field("target_field: title", "target_field: headline", &["no field \"headline\"", "title"])]
#[tokio::test]
async fn what_is_not_there_is_named(
    #[case] old: &str,
    #[case] new: &str,
    #[case] parts: &[&str],
) -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000001", "title", "Ours")?;
    let before = places.contents().await?;
    places.program.write("sync.yaml", &document("").replace(old, new))?;
    places.program.expect(0, &["apply", "sync.yaml"])?;
    let refused = places.told(1, &["--confirm-deletes"])?;
    ensure_tells(&refused.stderr, parts)?;
    ensure!(places.contents().await? == before, "a refused sync changed something");
    ensure!(!places.program.path("elsewhere.db").exists(), "a missing database was made");
    places.apply("")?;
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    Ok(())
}

#[tokio::test]
async fn a_run_follows_the_cursor_if_the_document_says_so_and_full_goes_before_it() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    let complete = |run: &serde_json::Value| run["details"]["complete"]["target"] == true;
    ensure!(complete(&places.sync(0, &[])?), "a run that somebody asks for is whole");
    places.apply("full_read: weekly")?;
    let run = places.sync(0, &[])?;
    ensure!(!complete(&run), "{run}");
    for flags in [&["--full"][..], &["--confirm-deletes"], &["--allow-deletes", "1"]] {
        let run = places.sync(0, flags)?;
        ensure!(complete(&run), "{flags:?}: {run}");
    }
    places.apply("full_read: always")?;
    ensure!(complete(&places.sync(0, &[])?), "always");
    Ok(())
}

#[tokio::test]
async fn a_run_of_an_item_reads_and_writes_that_item_alone() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000001", "title", "One")?;
    places.edit("T-000002", "title", "Two")?;
    let run = places.sync(0, &["--item", "T-000002"])?;
    ensure!(number(&run, "updated")? == 1 && run["details"]["complete"]["source"] == false, "{run}");
    ensure!(places.both("T-000002", "title").await? == [Some("Two".to_owned()), Some("Two".to_owned())]);
    let both = places.both("T-000001", "title").await?;
    ensure!(both[0] != both[1], "{both:?}");
    let shown = places.told(0, &["--item", "T-000002", "--side", "target"])?;
    ensure_tells(&shown.stdout, &["0 updated", "30 unchanged"])?;
    let refused = places.told(2, &["--item", "T-000002", "--full"])?;
    ensure_tells(&refused.stderr, &["--item", "--full"])?;
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_no_number_is_left_alone_and_heals_when_mended() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000003", "points", "many")?;
    places.edit("T-000004", "points", "400")?;
    let run = places.sync(1, &[])?;
    ensure!(number(&run, "items_failed")? == 1, "{run}");
    ensure_tells(&run["details"]["errors"].to_string(), &["T-000003", "points", "many", "number"])?;
    let both = places.both("T-000003", "points").await?;
    ensure!(both == [Some("many".to_owned()), Some("3".to_owned())], "{both:?}");
    ensure!(places.both("T-000004", "points").await?[1].as_deref() == Some("400"), "the others wait");
    places.sync(1, &[])?;
    places.edit("T-000003", "points", "300")?;
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?["T-000003"]["points"] == "300");
    Ok(())
}

#[tokio::test]
async fn a_row_that_the_table_refuses_fails_alone_and_heals_when_mended() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000003", "state", "half-open")?;
    places.edit("T-000004", "title", "Edited")?;
    let told = places.told(1, &[])?;
    ensure_tells(&told.stderr, &["T-000003", "CHECK constraint failed"])?;
    ensure!(places.both("T-000003", "state").await?[1].as_deref() == Some("closed"));
    ensure!(places.both("T-000004", "title").await?[1].as_deref() == Some("Edited"), "the others wait");
    places.edit("T-000003", "state", "open")?;
    places.sync(0, &[])?;
    places.ensure_in_step().await?;
    Ok(())
}

#[tokio::test]
async fn a_row_that_was_refused_is_tried_again_by_a_later_run() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    let trigger = "CREATE TRIGGER closed BEFORE UPDATE ON tasks WHEN NEW.id = 'T-000003' \
                   BEGIN SELECT RAISE(ABORT, 'not on a Sunday'); END";
    places.table.execute(trigger).await?;
    places.edit("T-000003", "title", "Edited")?;
    places.edit("T-000004", "title", "Edited")?;
    let run = places.sync(1, &[])?;
    ensure!(number(&run, "items_failed")? == 1 && number(&run, "updated")? == 1, "{run}");
    ensure_tells(&run["details"]["errors"].to_string(), &["T-000003", "not on a Sunday"])?;
    places.sync(1, &[])?;
    places.table.execute("DROP TRIGGER closed").await?;
    ensure!(number(&places.sync(0, &[])?, "updated")? == 1);
    places.ensure_in_step().await?;
    Ok(())
}

/// Another connection that has the whole database to itself.
async fn lock(places: &Places) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(places.program.path("tasks.db"))
        .locking_mode(SqliteLockingMode::Normal);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await?;
    Ok(connection)
}

#[tokio::test]
async fn a_locked_table_is_told_and_nothing_is_lost() -> Result<()> {
    let places = Places::in_step(ROWS, "max_retries: 0").await?;
    places.edit("T-000001", "title", "Ours")?;
    let before = places.contents().await?;
    let lock = lock(&places).await?;
    let refused = places.told(1, &[])?;
    ensure_tells(&refused.stderr, &["tasks.db", "locked by another program"])?;
    lock.close().await?;
    ensure!(places.contents().await? == before, "a failed sync changed something");
    ensure!(number(&places.sync(0, &[])?, "updated")? == 1);
    places.ensure_in_step().await?;
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_locked_for_a_while_is_tried_again() -> Result<()> {
    let places = Places::in_step(ROWS, "retry_delay: 0.05").await?;
    places.edit("T-000001", "title", "Ours")?;
    let lock = lock(&places).await?;
    let mut sync = places.program.start(&["sync", "tasks"])?;
    let attempts = async || -> Result<Option<u64>> {
        let runs = places.program.expect(0, &["--json", "runs", "tasks", "--limit", "1"])?.json()?;
        let run = runs["runs"][0]["id"].as_str().context("a run")?.to_owned();
        let run = places.program.expect(0, &["--json", "runs", &run])?.json()?;
        let ended = |attempt: &&serde_json::Value| attempt["outcome"] == "retry";
        let attempts = run["attempts"].as_array().context("attempts")?.iter().filter(ended).count();
        // Each look is two processes; there is no hurry.
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok((attempts > 0).then_some(attempts as u64))
    };
    until("the first attempt fails", attempts).await?;
    lock.close().await?;
    until("the sync ends", async || Ok(sync.has_ended()?.then_some(()))).await?;
    ensure!(places.both("T-000001", "title").await?[1].as_deref() == Some("Ours"));
    let stats = places.program.expect(0, &["--json", "runs", "tasks", "--limit", "1"])?.json()?;
    ensure!(stats["runs"][0]["status"] == "completed", "{stats}");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_finishes_what_it_has() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000001", "title", "Ours")?;
    let lock = lock(&places).await?;
    let worker = places.program.serve(&["worker"])?;
    let queued = places.program.expect(0, &["--json", "enqueue", "tasks"])?.json()?;
    let run = queued["id"].as_str().context("a run")?.to_owned();
    until("the worker has the run and waits for the table", async || {
        let run = places.program.expect(0, &["--json", "runs", &run])?.json()?;
        Ok((run["status"] == "in_progress").then_some(()))
    })
    .await?;
    worker.signal()?;
    until("it says that it ends", async || Ok(worker.log().contains("stopping").then_some(()))).await?;
    lock.close().await?;
    ensure!(worker.wait()? == Some(0));
    let run = places.program.expect(0, &["--json", "runs", &run])?.json()?;
    ensure!(run["status"] == "completed" && number(&run, "updated")? == 1, "{run}");
    places.ensure_in_step().await?;
    Ok(())
}
