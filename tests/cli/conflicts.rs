//! Both sides changed one field: each strategy ends with the same value on both.

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::{
    places::{Table, document},
    serving::until,
};

use super::common::{Own, Places, ensure_tells, number, program};

const ROWS: usize = 300;

/// Another title for one task on each side.
async fn disagree(places: &Places) -> Result<()> {
    places.edit("T-000007", "title", "Ours")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs', points = 99 WHERE id = 'T-000007'").await
}

async fn title(places: &Places) -> Result<String> {
    let items = places.ensure_in_step().await?;
    ensure!(items.len() == ROWS && items["T-000007"]["points"] == "99", "{:?}", items["T-000007"]);
    Ok(items["T-000007"]["title"].clone())
}

#[rstest]
#[case::source("source_wins", "Ours")]
#[case::source_by_alias("prefer_local", "Ours")]
#[case::target("target_wins", "Theirs")]
#[case::target_by_alias("jira_wins", "Theirs")]
#[tokio::test]
async fn a_side_that_always_wins_wins(#[case] strategy: &str, #[case] winner: &str) -> Result<()> {
    let places = Places::in_step(ROWS, &format!("conflict_strategy: {strategy}")).await?;
    disagree(&places).await?;
    let run = places.sync(0, &[])?;
    ensure!(run["details"]["resolved"] == 1 && number(&run, "open_conflicts")? == 0, "{run}");
    ensure!(title(&places).await? == winner);
    Ok(())
}

#[rstest]
#[case::of_the_file("2026-03-02T10:00:00Z", "2026-03-01T10:00:00Z", "Ours")]
#[case::of_the_table("2026-03-01T10:00:00Z", "2026-03-02T10:00:00Z", "Theirs")]
#[case::of_the_source_in_a_tie("2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", "Ours")]
#[tokio::test]
async fn the_last_write_wins(#[case] file: &str, #[case] table: &str, #[case] winner: &str) -> Result<()> {
    let program = program()?;
    let more = "source: { path: backlog.csv, key: id, modified: changed }";
    program.write("sync.yaml", &document(more))?;
    let rows = |title: &str, changed: &str| {
        let others: String = (2..=ROWS).map(|n| format!("T-{n},Task {n},open,{},\n", n % 5)).collect();
        format!("id,title,state,points,changed\nT-1,{title},open,1,{changed}\n{others}")
    };
    program.write("backlog.csv", &rows("First", "2026-01-01T10:00:00Z"))?;
    let tasks = Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "sync.yaml"])?;
    program.expect(0, &["sync", "tasks"])?;
    program.write("backlog.csv", &rows("Ours", file))?;
    let edit = format!("UPDATE tasks SET title = 'Theirs', updated_at = '{table}' WHERE id = 'T-1'");
    tasks.execute(&edit).await?;
    let run = program.expect(0, &["--json", "sync", "tasks"])?.json()?;
    ensure!(run["details"]["resolved"] == 1, "{run}");
    let places = Places { file: program.path("backlog.csv"), program, table: tasks };
    let items = places.ensure_in_step().await?;
    ensure!(items.len() == ROWS && items["T-1"]["title"] == winner, "{:?}", items["T-1"]);
    Ok(())
}

#[rstest]
#[case::source("source", "Ours")]
#[case::target("target", "Theirs")]
#[tokio::test]
async fn what_a_person_decides_is_carried_out(#[case] side: &str, #[case] winner: &str) -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    let told = places.told(1, &[])?;
    ensure_tells(&told.stdout, &["1 conflict waits for a person", "syncline conflicts"])?;
    let both = [Some("Ours".to_owned()), Some("Theirs".to_owned())];
    ensure!(places.both("T-000007", "title").await? == both, "an open conflict was written over");
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    let conflict = &listed["conflicts"][0];
    ensure!(listed["conflicts"].as_array().is_some_and(|all| all.len() == 1), "{listed}");
    ensure!(conflict["field"] == "title" && conflict["base"] == "Task 7, generated", "{conflict}");
    ensure!(conflict["source"] == "Ours" && conflict["target"] == "Theirs", "{conflict}");
    let id = conflict["id"].to_string();
    let resolved =
        places.program.expect(0, &["--json", "conflicts", "resolve", &id, "--side", side])?.json()?;
    ensure!(resolved["applied"] == true && number(&resolved, "open_conflicts")? == 0, "{resolved}");
    ensure!(title(&places).await? == winner);
    ensure!(number(&places.sync(0, &[])?, "items_synced")? == 0);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn an_open_conflict_fails_every_sync_and_is_listed_once(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    for _ in 0..3 {
        places.sync(1, &[])?;
    }
    let listed = places.program.expect(0, &["--json", "conflicts", "list", "--sync", "tasks"])?.json()?;
    ensure!(listed["conflicts"].as_array().is_some_and(|all| all.len() == 1), "{listed}");
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_conflict_ends_when_both_sides_agree_by_themselves(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    places.sync(1, &[])?;
    places.table.execute("UPDATE tasks SET title = 'Ours' WHERE id = 'T-000007'").await?;
    places.sync(0, &[])?;
    ensure!(title(&places).await? == "Ours");
    Ok(())
}

#[tokio::test]
async fn the_same_edit_on_both_sides_is_no_conflict() -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    places.edit("T-000007", "title", "Agreed")?;
    places.table.execute("UPDATE tasks SET title = 'Agreed' WHERE id = 'T-000007'").await?;
    let run = places.sync(0, &[])?;
    ensure!(number(&run, "updated")? == 0 && number(&run, "open_conflicts")? == 0, "{run}");
    Ok(())
}

#[tokio::test]
async fn a_conflict_that_is_not_there_cannot_be_resolved() -> Result<()> {
    let places = Places::in_step(3, "").await?;
    let refused = places.program.expect(2, &["conflicts", "resolve", "77", "--side", "source"])?;
    ensure_tells(&refused.stderr, &["no conflict 77", "syncline conflicts"])?;
    let refused = places.program.expect(2, &["conflicts", "resolve", "77", "--side", "left"])?;
    ensure_tells(&refused.stderr, &["left", "source, target"])
}

#[rstest]
#[tokio::test]
async fn a_choice_between_values_that_have_changed_since_is_not_carried_out(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, ROWS, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    places.sync(1, &[])?;
    places.table.execute("UPDATE tasks SET title = 'Theirs, later' WHERE id = 'T-000007'").await?;
    let refused = places.program.expect(1, &["conflicts", "resolve", "1", "--side", "source"])?;
    ensure_tells(&refused.stderr, &["conflict 1 is not resolved", "changed since it was listed"])?;
    let both = [Some("Ours".to_owned()), Some("Theirs, later".to_owned())];
    ensure!(places.both("T-000007", "title").await? == both, "a value that nobody saw was written over");
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    ensure!(listed["conflicts"][0]["target"] == "Theirs, later", "{listed}");
    let id = listed["conflicts"][0]["id"].to_string();
    places.program.expect(0, &["conflicts", "resolve", &id, "--side", "source"])?;
    ensure!(title(&places).await? == "Ours");
    Ok(())
}

#[tokio::test]
async fn a_choice_may_be_left_to_a_worker() -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    places.sync(1, &[])?;
    places.program.expect(0, &["conflicts", "resolve", "1", "--side", "target", "--no-wait"])?;
    ensure!(places.both("T-000007", "title").await?[0].as_deref() == Some("Ours"), "it did not wait");
    let worker = places.program.serve(&["worker"])?;
    until("the choice is carried out", async || {
        let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
        Ok((listed["conflicts"] == serde_json::json!([])).then_some(()))
    })
    .await?;
    ensure!(worker.terminate()? == Some(0));
    ensure!(title(&places).await? == "Theirs");
    Ok(())
}

#[tokio::test]
async fn a_plan_counts_conflicts_that_wait_already() -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    disagree(&places).await?;
    places.sync(1, &[])?;
    let told = places.program.expect(1, &["plan", "tasks"])?;
    ensure_tells(&told.stdout, &["1 for a person"])
}

#[tokio::test]
async fn many_conflicts_are_resolved_by_one_run() -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    for id in ["T-000001", "T-000002", "T-000003"] {
        places.edit(id, "title", "Ours")?;
        places.table.execute(&format!("UPDATE tasks SET title = 'Theirs' WHERE id = '{id}'")).await?;
    }
    places.sync(1, &[])?;
    let shown = places.program.expect(0, &["conflicts", "show", "1"])?;
    ensure_tells(&shown.stdout, &["source: Ours", "target: Theirs"])?;
    let resolved = places
        .program
        .expect(0, &["--json", "conflicts", "resolve", "1", "2", "--side", "source"])?
        .json()?;
    ensure!(resolved["conflicts"][0]["run"] == resolved["conflicts"][1]["run"], "{resolved}");
    places.program.expect(0, &["conflicts", "resolve", "--sync", "tasks", "--side", "source"])?;
    let items = places.ensure_in_step().await?;
    ensure!(["T-000001", "T-000002", "T-000003"].iter().all(|id| items[*id]["title"] == "Ours"), "{items:?}");
    places.program.expect(0, &["plan", "tasks"])?;
    Ok(())
}
