//! What a deleted item means for its counterpart.

use anyhow::{Result, ensure};
use rstest::rstest;

use super::common::{Own, Places, ensure_tells, number};

const ROWS: usize = 300;

#[rstest]
#[tokio::test]
async fn an_item_must_be_missing_twice_before_its_counterpart_goes(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "").await?;
    places.remove(&["T-000005"])?;
    ensure!(number(&places.sync(0, &[])?, "deleted")? == 0);
    ensure!(places.table.read().await?.len() == ROWS);
    ensure!(number(&places.sync(0, &[])?, "deleted")? == 1);
    ensure!(places.ensure_in_step().await?.len() == ROWS - 1);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_item_that_comes_back_before_that_stays(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "").await?;
    let before = std::fs::read(&places.file)?;
    places.remove(&["T-000005"])?;
    places.sync(0, &[])?;
    std::fs::write(&places.file, before)?;
    places.sync(0, &[])?;
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn ignored_deletes_leave_the_other_item_and_do_not_bring_this_one_back(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "delete_policy: ignore").await?;
    places.remove(&["T-000005"])?;
    places.table.execute("DELETE FROM tasks WHERE id = 'T-000006'").await?;
    for _ in 0..3 {
        places.sync(0, &["--confirm-deletes"])?;
        ensure!(places.both("T-000005", "state").await? == [None, Some("closed".to_owned())]);
        ensure!(places.both("T-000006", "state").await? == [Some("open".to_owned()), None]);
    }
    Ok(())
}

#[rstest]
#[case::last_write("last_write_wins")]
#[case::source("source_wins")]
#[case::target("target_wins")]
#[tokio::test]
async fn an_edit_against_a_delete_ends_the_same_on_both_sides(#[case] strategy: &str) -> Result<()> {
    let places = Places::in_step(ROWS, &format!("conflict_strategy: {strategy}")).await?;
    // Deleted in the file, edited in the table.
    places.remove(&["T-000005"])?;
    places.table.execute("UPDATE tasks SET title = 'Edited' WHERE id = 'T-000005'").await?;
    // Edited in the file, deleted in the table.
    places.edit("T-000006", "title", "Edited")?;
    places.table.execute("DELETE FROM tasks WHERE id = 'T-000006'").await?;
    places.sync(0, &["--confirm-deletes"])?;
    places.sync(0, &["--confirm-deletes"])?;
    let items = places.ensure_in_step().await?;
    let stays = |id: &str| items.contains_key(id);
    match strategy {
        "source_wins" => ensure!(!stays("T-000005") && stays("T-000006")),
        "target_wins" => ensure!(stays("T-000005") && !stays("T-000006")),
        _ => {}
    }
    for kept in ["T-000005", "T-000006"].into_iter().filter(|id| stays(id)) {
        ensure!(items[kept]["title"] == "Edited", "{:?}", items[kept]);
    }
    Ok(())
}

#[rstest]
#[case::the_delete("source", false)]
#[case::the_edit("target", true)]
#[tokio::test]
async fn a_person_decides_between_an_edit_and_a_delete(
    #[case] side: &str,
    #[case] stays: bool,
) -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    places.remove(&["T-000005"])?;
    places.table.execute("UPDATE tasks SET title = 'Edited' WHERE id = 'T-000005'").await?;
    let run = places.sync(1, &["--confirm-deletes"])?;
    ensure!(number(&run, "open_conflicts")? == 1, "{run}");
    ensure!(places.both("T-000005", "title").await? == [None, Some("Edited".to_owned())]);
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    let id = listed["conflicts"][0]["id"].to_string();
    places.program.expect(0, &["conflicts", "resolve", &id, "--side", side])?;
    places.sync(0, &["--confirm-deletes"])?;
    ensure!(places.ensure_in_step().await?.contains_key("T-000005") == stays);
    Ok(())
}

#[tokio::test]
async fn a_file_emptied_to_its_header_deletes_nothing_until_told_to() -> Result<()> {
    let guard = "delete_guard: { max_share: 0.1, max_count: 20 }";
    let places = Places::in_step(ROWS, guard).await?;
    std::fs::write(&places.file, "id,title,state,points,notes\n")?;
    for _ in 0..3 {
        let told = places.told(1, &["--confirm-deletes"])?;
        ensure_tells(&told.stderr, &["held", "300 of 300", "delete_guard", "--allow-deletes 300"])?;
        ensure!(places.table.read().await?.len() == ROWS, "rows were deleted");
    }
    let run = places.sync(0, &["--confirm-deletes", "--allow-deletes", "300"])?;
    ensure!(number(&run, "deleted")? == 300, "{run}");
    ensure!(places.ensure_in_step().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn deletes_are_agreed_to_by_name() -> Result<()> {
    let guard = "delete_guard: { max_share: 0.1, max_count: 20 }";
    let places = Places::in_step(ROWS, guard).await?;
    places.table.execute("DELETE FROM tasks WHERE id <= 'T-000040'").await?;
    let told = places.told(1, &["--confirm-deletes"])?;
    ensure_tells(&told.stderr, &["held", "40 of 300", "--allow-delete ID"])?;
    let named = ["--confirm-deletes", "--allow-delete", "T-000007", "--allow-delete", "T-000008"];
    let run = places.sync(0, &named)?;
    ensure!(number(&run, "deleted")? == 2, "{run}");
    ensure!(places.items()?.len() == ROWS - 2, "others were deleted");
    let told = places.told(1, &["--allow-delete", "T-000050"])?;
    ensure_tells(&told.stderr, &["T-000050", "no linked item of this id is gone"])?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn agreeing_to_fewer_deletes_than_there_are_holds_the_run_all_the_same(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let guard = "delete_guard: { max_share: 0.1, max_count: 20 }";
    let places = Places::in_step_on(own, ROWS, guard).await?;
    places.table.execute("DELETE FROM tasks WHERE id <= 'T-000040'").await?;
    let told = places.told(1, &["--confirm-deletes", "--allow-deletes", "39"])?;
    ensure_tells(&told.stderr, &["40 of 300", "--allow-deletes 40"])?;
    ensure!(places.items()?.len() == ROWS, "rows were deleted");
    Ok(())
}
