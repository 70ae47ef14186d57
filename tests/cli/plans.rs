//! A plan says what a sync then does, and does nothing.

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;
use syncline_support::places::{document, edit_csv, read_csv};

use super::common::{Own, Places, ensure_tells, number};

const ROWS: usize = 300;

/// Additions, edits, deletes and conflicts, one value that does not fit.
async fn work_on_both(places: &Places) -> Result<()> {
    for id in ["T-000001", "T-000002"] {
        places.edit(id, "title", "Ours")?;
    }
    places.edit("T-000003", "points", "many")?;
    places.edit("T-000004", "state", "")?;
    places.remove(&["T-000010", "T-000011", "T-000012"])?;
    edit_csv(&places.file, |_| true, &[["T-900001", "New in the file", "open", "1", ""]])?;
    let sql = "UPDATE tasks SET title = 'Theirs' WHERE id IN ('T-000002', 'T-000012');
               UPDATE tasks SET points = 77 WHERE id IN ('T-000001', 'T-000020', 'T-000021');
               DELETE FROM tasks WHERE id IN ('T-000030', 'T-000031');
               INSERT INTO tasks (id, title, state) VALUES ('T-900002', 'New in the table', 'closed')";
    places.table.execute(sql).await
}

#[rstest]
#[case::last_write("last_write_wins")]
#[case::source("source_wins")]
#[case::target("target_wins")]
#[case::manual("manual")]
#[tokio::test]
async fn a_plan_counts_what_the_sync_then_does_and_writes_nothing(#[case] strategy: &str) -> Result<()> {
    let places = Places::in_step(ROWS, &format!("conflict_strategy: {strategy}")).await?;
    work_on_both(&places).await?;
    let before = (std::fs::read(&places.file)?, places.table.data_version().await?);
    let plan = places.program.expect(1, &["--json", "plan", "tasks", "--confirm-deletes"])?.json()?;
    let file =
        places.program.expect(1, &["--json", "plan", "-f", "sync.yaml", "--confirm-deletes"])?.json()?;
    let after = (std::fs::read(&places.file)?, places.table.data_version().await?);
    ensure!(after == before, "a plan wrote something");

    let counts = &plan["plan"]["counts"];
    ensure!(*counts == file["plans"][0]["plan"]["counts"], "{counts} {file}");
    let run = places.sync(1, &["--confirm-deletes"])?;
    for (planned, done) in [
        ("created", &run["created"]),
        ("updated", &run["updated"]),
        ("deleted", &run["deleted"]),
        ("failed", &run["items_failed"]),
        ("conflicts", &run["conflicts"]),
        ("resolved", &run["details"]["resolved"]),
        ("unchanged", &run["details"]["unchanged"]),
        ("synced", &run["items_synced"]),
    ] {
        ensure!(counts[planned] == *done, "{planned}: planned {counts}, done {run}");
    }
    Ok(())
}

#[tokio::test]
async fn a_plan_shows_each_field_before_and_after() -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    work_on_both(&places).await?;
    let told = places.program.expect(1, &["plan", "tasks", "--confirm-deletes"])?.stdout;
    ensure_tells(
        &told,
        &[
            "target.title: \"Task 1, generated\" → \"Ours\"",
            "source.points: 1 → 77",
            "+ T-900001  create on target",
            "+ T-900002  create on source",
            "- T-000010  delete on target",
            "- T-000030  delete on source",
            "in title (changed on both sides): source \"Ours\", target \"Theirs\"; a person decides",
            "! T-000003",
            "\"many\"",
        ],
    )
}

#[tokio::test]
async fn a_long_plan_is_cut_for_people_and_whole_for_programs() -> Result<()> {
    let places = Places::new(ROWS, "").await?;
    let told = places.program.expect(0, &["plan", "tasks", "--limit", "7"])?.stdout;
    ensure_tells(&told, &["... and 293 more (--limit)", "300 to create"])?;
    ensure!(told.lines().filter(|line| line.starts_with("+ ")).count() == 7, "{told}");
    let plan = places.program.expect(0, &["--json", "plan", "tasks", "--limit", "7"])?.json()?;
    ensure!(plan["plan"]["items"].as_array().is_some_and(|items| items.len() == ROWS));
    Ok(())
}

#[tokio::test]
async fn a_plan_of_a_file_stores_nothing() -> Result<()> {
    let places = Places::new(ROWS, "").await?;
    places.program.write("other.yaml", &document("name: other"))?;
    let plan = places.program.expect(0, &["--json", "plan", "-f", "other.yaml"])?.json()?;
    ensure!(plan["plans"][0]["plan"]["counts"]["created"] == 300, "{plan}");
    places.program.expect(2, &["sync", "other"])?;
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    ensure!(runs["runs"].as_array().is_some_and(Vec::is_empty), "{runs}");
    ensure!(places.table.read().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_plan_of_too_many_deletes_says_that_the_run_would_be_held() -> Result<()> {
    let places = Places::in_step(ROWS, "delete_guard: { max_share: 0.1, max_count: 20 }").await?;
    places.table.execute("DELETE FROM tasks WHERE id <= 'T-000040'").await?;
    let told = places.program.expect(1, &["plan", "tasks", "--confirm-deletes"])?;
    ensure_tells(&told.stdout, &["a run would be held: 40 items are gone"])
}

#[rstest]
#[tokio::test]
async fn planning_does_not_count_as_seeing_an_item_missing(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "").await?;
    places.remove(&["T-000005"])?;
    for _ in 0..3 {
        places.program.expect(0, &["plan", "tasks"])?;
    }
    ensure!(number(&places.sync(0, &[])?, "deleted")? == 0, "a plan was remembered");
    ensure!(places.table.read().await?.len() == ROWS);
    Ok(())
}

/// A plan that threatens with a delete where only the link ends frightens for nothing.
#[rstest]
#[case::ignored("delete_policy: ignore", "if missing again, the link ends and the item on target stays")]
#[case::deleted("delete_policy: delete", "if missing again, deleted on target")]
#[tokio::test]
async fn a_plan_says_what_becomes_of_a_missing_item(#[case] more: &str, #[case] tells: &str) -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.apply(more)?;
    places.remove(&["T-000005"])?;
    let told = places.program.expect(0, &["plan", "tasks"])?;
    ensure_tells(&told.stdout, &["missing on source; ", tells, "--confirm-deletes plans what follows"])
}

#[tokio::test]
async fn a_plan_can_be_asked_of_a_worker() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000001", "title", "Ours")?;
    let queued = places.program.expect(0, &["--json", "enqueue", "tasks", "--kind", "plan"])?.json()?;
    let run = queued["id"].as_str().context("a run")?.to_owned();
    let worker = places.program.serve(&["worker"])?;
    let done: Value = syncline_support::serving::until("the plan is made", async || {
        let run = places.program.expect(0, &["--json", "runs", &run])?.json()?;
        Ok((run["status"] == "completed").then_some(run))
    })
    .await?;
    ensure!(worker.terminate()? == Some(0));
    ensure!(done["kind"] == "plan" && done["details"]["plan"]["counts"]["updated"] == 1, "{done}");
    ensure!(read_csv(&places.file)? != places.table.read().await?, "a plan was carried out");
    Ok(())
}

#[tokio::test]
async fn a_field_mapped_as_text_to_a_column_of_numbers_is_told_once() -> Result<()> {
    let places = Places::new(3, "").await?;
    for id in ["T-000001", "T-000002"] {
        places.edit(id, "points", "many")?;
    }
    places
        .program
        .write("sync.yaml", &document("").replace(", source_type: number, target_type: number", ""))?;
    let told = places.program.expect(1, &["plan", "-f", "sync.yaml"])?;
    ensure_tells(&told.stdout, &["2 failing"])?;
    ensure_tells(&told.stderr, &["\"points\" is INTEGER on the target and mapped as text"])?;
    ensure!(told.stderr.matches("source_type").count() == 1, "{}", told.stderr);
    Ok(())
}
