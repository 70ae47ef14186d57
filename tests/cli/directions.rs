//! Which way changes go, and which way they do not.

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::places::edit_csv;

use super::common::{Own, Places};

const ROWS: usize = 300;

/// An edit and a new item on each side.
async fn work_on_both(places: &Places) -> Result<()> {
    places.edit("T-000001", "title", "Edited in the file")?;
    edit_csv(&places.file, |_| true, &[["T-900001", "New in the file", "open", "1", ""]])?;
    let sql = "UPDATE tasks SET title = 'Edited in the table' WHERE id = 'T-000002';
               INSERT INTO tasks (id, title, state, points) VALUES ('T-900002', 'New in the table', 'open', 2)";
    places.table.execute(sql).await
}

#[rstest]
#[case::by_name("source_to_target")]
#[case::by_alias("push")]
#[tokio::test]
async fn pushing_writes_the_target_only(#[case] direction: &str) -> Result<()> {
    let places = Places::in_step(ROWS, &format!("direction: {direction}")).await?;
    work_on_both(&places).await?;
    let before = std::fs::read(&places.file)?;
    places.sync(0, &[])?;
    ensure!(std::fs::read(&places.file)? == before, "the source was written");
    let edited = Some("Edited in the file".to_owned());
    ensure!(places.both("T-000001", "title").await? == [edited.clone(), edited]);
    ensure!(places.both("T-900001", "points").await? == [Some("1".to_owned()), Some("1".to_owned())]);
    ensure!(places.both("T-900002", "points").await? == [None, Some("2".to_owned())]);
    Ok(())
}

#[rstest]
#[case::by_name("target_to_source")]
#[case::by_alias("pull")]
#[tokio::test]
async fn pulling_writes_the_source_only(#[case] direction: &str) -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.apply(&format!("direction: {direction}"))?;
    work_on_both(&places).await?;
    let before = places.table.data_version().await?;
    places.sync(0, &[])?;
    ensure!(places.table.data_version().await? == before, "the target was written");
    let edited = Some("Edited in the table".to_owned());
    ensure!(places.both("T-000002", "title").await? == [edited.clone(), edited]);
    ensure!(places.both("T-900002", "points").await? == [Some("2".to_owned()), Some("2".to_owned())]);
    ensure!(places.both("T-900001", "points").await? == [Some("1".to_owned()), None]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn without_two_way_create_items_of_the_target_stay_there_alone(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "two_way_create: false").await?;
    work_on_both(&places).await?;
    let run = places.sync(0, &[])?;
    ensure!(run["details"]["unlinked"] == 1, "{run}");
    ensure!(places.both("T-900001", "points").await? == [Some("1".to_owned()), Some("1".to_owned())]);
    ensure!(places.both("T-900002", "points").await? == [None, Some("2".to_owned())]);
    ensure!(places.both("T-000002", "title").await?[0].as_deref() == Some("Edited in the table"));
    Ok(())
}

#[tokio::test]
async fn a_field_that_goes_one_way_does_not_come_back() -> Result<()> {
    let places = Places::new(30, "").await?;
    let document = syncline_support::places::document("")
        .replace("target_field: title }", "target_field: title, bidirectional: false }");
    places.program.write("sync.yaml", &document)?;
    places.program.expect(0, &["apply", "sync.yaml"])?;
    places.sync(0, &[])?;
    places.table.execute("UPDATE tasks SET title = 'Theirs', state = 'open' WHERE id = 'T-000001'").await?;
    places.sync(0, &[])?;
    ensure!(places.both("T-000001", "title").await?[0].as_deref() == Some("Task 1, generated"));
    ensure!(places.both("T-000001", "state").await?[0].as_deref() == Some("open"));
    Ok(())
}
