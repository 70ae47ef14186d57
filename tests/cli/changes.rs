//! Additions, edits and deletes on either side reach the other, and nothing else is touched.

use anyhow::{Result, ensure};
use rstest::rstest;
use serde_json::{Value, json};
use syncline_support::places::edit_csv;

use super::common::{Own, Places, number};

const ROWS: usize = 300;

#[tokio::test]
async fn a_first_sync_fills_the_empty_side() -> Result<()> {
    let places = Places::new(ROWS, "").await?;
    let before = std::fs::read(&places.file)?;
    let run = places.sync(0, &[])?;
    ensure!(number(&run, "created")? == 300 && number(&run, "items_failed")? == 0, "{run}");
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    ensure!(std::fs::read(&places.file)? == before, "the source was rewritten");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_first_sync_pairs_what_is_on_both_sides_already(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::new_on(own, ROWS, "match_on: [id]").await?;
    let copy = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) \
                INSERT INTO tasks (id, title, state, points) SELECT printf('T-%06d', i), \
                'Task ' || i || ', generated', CASE i % 2 WHEN 0 THEN 'open' ELSE 'closed' END, i % 13 FROM n";
    places.table.execute(copy).await?;
    let run = places.sync(0, &[])?;
    for count in ["created", "updated", "deleted", "conflicts"] {
        ensure!(number(&run, count)? == 0, "{count}: {run}");
    }
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    Ok(())
}

#[tokio::test]
async fn changes_on_both_sides_meet_in_the_middle() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000001", "title", "Edited, \"in the file\"")?;
    places.edit("T-000002", "points", "")?;
    places.remove(&["T-000010", "T-000011"])?;
    edit_csv(&places.file, |_| true, &[["T-900001", "New in the file", "open", "1", "kept"]])?;
    let sql = "UPDATE tasks SET state = 'open', points = 77 WHERE id = 'T-000003';
               UPDATE tasks SET points = 8 WHERE id = 'T-000001';
               DELETE FROM tasks WHERE id IN ('T-000020', 'T-000021', 'T-000022');
               INSERT INTO tasks (id, title, state, points) VALUES ('T-900002', 'New in the table', 'closed', 2)";
    places.table.execute(sql).await?;
    let run = places.sync(0, &["--confirm-deletes"])?;
    ensure!(number(&run, "created")? == 2 && number(&run, "deleted")? == 5, "{run}");
    let items = places.ensure_in_step().await?;
    ensure!(items.len() == 297, "{} items", items.len());
    ensure!(places.both("T-000001", "points").await?[0].as_deref() == Some("8"));
    ensure!(places.both("T-000001", "title").await?[1].as_deref() == Some("Edited, \"in the file\""));
    ensure!(places.both("T-000002", "points").await? == [None, None]);
    Ok(())
}

#[tokio::test]
async fn columns_that_nothing_maps_stay_as_they_are() -> Result<()> {
    let places = Places::in_step(30, "").await?;
    let sql = "UPDATE tasks SET title = 'Edited in the table' WHERE id = 'T-000007'";
    places.table.execute(sql).await?;
    places.sync(0, &[])?;
    let text = std::fs::read_to_string(&places.file)?;
    ensure!(text.contains("T-000007,Edited in the table,closed,7,note 7\n"), "{text}");
    ensure!(text.lines().filter(|line| line.contains(",note ")).count() == 30, "{text}");
    Ok(())
}

#[tokio::test]
async fn a_sync_with_nothing_to_do_writes_nothing() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.sync(0, &[])?;
    let state = async || -> Result<_> {
        let metadata = std::fs::metadata(&places.file)?;
        let bytes = std::fs::read(&places.file)?;
        Ok((metadata.modified()?, bytes, places.table.data_version().await?))
    };
    let before = state().await?;
    for _ in 0..2 {
        let run = places.sync(0, &[])?;
        ensure!(number(&run, "items_synced")? == 0 && run["details"]["unchanged"] == 300, "{run}");
    }
    ensure!(state().await? == before, "something was written");
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    ensure!(runs["runs"].as_array().is_some_and(|runs| runs.len() == 4), "every run is noted: {runs}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn every_change_is_kept_with_the_value_before_and_after(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, 10, "").await?;
    places.edit("T-000004", "title", "Renamed")?;
    let run = places.sync(0, &[])?;
    let id = run["id"].as_str().unwrap_or_default();
    let shown = places.program.expect(0, &["--json", "runs", id])?.json()?;
    let changes = shown["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(changes.len() == 1, "{shown}");
    let kept = ["side", "field", "before", "after", "state"].map(|key| changes[0][key].clone());
    let expected: [Value; 5] =
        [json!("target"), json!("title"), json!("Task 4, generated"), json!("Renamed"), json!("confirmed")];
    ensure!(kept == expected, "{kept:?}");
    Ok(())
}

#[tokio::test]
async fn a_table_that_numbers_its_rows_gets_each_item_once() -> Result<()> {
    let places = Places::new(0, "").await?;
    let table = "CREATE TABLE notes (n INTEGER PRIMARY KEY, code TEXT, title TEXT, sync_marker TEXT UNIQUE)";
    places.table.execute(table).await?;
    let document = r#"name: tasks
source_platform: csv
source: { path: backlog.csv, key: id }
target_platform: sql
target: { url: "sqlite://tasks.db", table: notes, key: n, marker: sync_marker }
two_way_create: true
field_mappings:
  - { source_field: id, target_field: code }
  - { source_field: title, target_field: title }
"#;
    places.program.write("sync.yaml", document)?;
    places.program.expect(0, &["apply", "sync.yaml"])?;
    syncline_support::places::write_csv(&places.file, ROWS)?;
    let before = std::fs::read(&places.file)?;
    ensure!(number(&places.sync(0, &[])?, "created")? == 300);
    ensure!(number(&places.sync(0, &[])?, "created")? == 0);
    let count = |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(&places.table.pool);
    ensure!(count("SELECT COUNT(*) FROM notes").await? == 300);
    ensure!(count("SELECT COUNT(DISTINCT code) FROM notes").await? == 300);
    ensure!(count("SELECT COUNT(sync_marker) FROM notes").await? == 300);
    ensure!(std::fs::read(&places.file)? == before, "the source was rewritten");
    Ok(())
}
