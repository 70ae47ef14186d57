//! `conflicts resolve` with the base, a value, and a choice for each field.

use anyhow::{Result, ensure};
use rstest::rstest;

use super::common::{Own, Places, ensure_tells, number};

const ROWS: usize = 20;

/// Another title and other points for one task on each side.
async fn disagree(own: Own) -> Result<Places> {
    let places = Places::in_step_on(own, ROWS, "conflict_strategy: manual").await?;
    places.edit("T-000007", "title", "Ours")?;
    places.edit("T-000007", "points", "70")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs', points = 99 WHERE id = 'T-000007'").await?;
    places.sync(1, &[])?;
    Ok(places)
}

async fn in_step(places: &Places, field: &str) -> Result<String> {
    let items = places.ensure_in_step().await?;
    Ok(items["T-000007"].get(field).cloned().unwrap_or_default())
}

/// The id of the open conflict in a field.
fn open(places: &Places, field: &str) -> Result<String> {
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    let all = listed["conflicts"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|conflict| conflict["field"] == field);
    Ok(found.map(|conflict| conflict["id"].to_string()).unwrap_or_default())
}

#[rstest]
#[case::source(&["--source"], "source", "Ours")]
#[case::target(&["--target"], "target", "Theirs")]
#[case::base(&["--base"], "base", "Task 7, generated")]
#[case::value(&["--value", "-1, both"], "value", "-1, both")]
#[tokio::test]
async fn each_choice_stands_on_both_sides_with_the_person_on_record(
    #[case] how: &[&str],
    #[case] name: &str,
    #[case] expected: &str,
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = disagree(own).await?;
    let (title, points) = (open(&places, "title")?, open(&places, "points")?);
    let resolve = [&["--json", "conflicts", "resolve", &title], how].concat();
    let resolved = places.program.expect(0, &resolve)?.json()?;
    ensure!(resolved["resolution"] == name && resolved["applied"] == true, "{resolved}");
    ensure!(number(&resolved, "open_conflicts")? == 1, "{resolved}");
    places.program.expect(0, &["conflicts", "resolve", &points, "--value", "5"])?;
    ensure!(in_step(&places, "title").await? == expected && in_step(&places, "points").await? == "5");
    let all = places.program.expect(0, &["--json", "conflicts", "--all"])?.json()?;
    let conflict = all["conflicts"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["id"].as_i64() == title.parse().ok());
    let person = conflict.map(|one| one["resolved_by"].clone()).unwrap_or_default();
    ensure!(conflict.is_some_and(|one| one["resolution"] == name), "{all}");
    ensure!(person.is_string() && person != "strategy" && person != "the sides agree", "{all}");
    let history = places.program.expect(0, &["--json", "history", "T-000007"])?.json()?;
    let rule = format!("{name} chosen by a person");
    let decided: Vec<_> = history["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|change| change["rule"] == rule.as_str() && change["field"] == "title")
        .collect();
    ensure!(!decided.is_empty() && decided.iter().all(|change| change["by"] == person), "{history}");
    ensure!(decided.iter().all(|change| change["after"] == expected), "{history}");
    ensure!(decided.len() == if ["source", "target"].contains(&name) { 1 } else { 2 }, "{history}");
    ensure!(number(&places.sync(0, &[])?, "items_synced")? == 0);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn each_field_may_have_its_own_choice_in_one_run(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = disagree(own).await?;
    let id = open(&places, "title")?;
    let resolve = ["conflicts", "resolve", &id, "--field", "title=base", "--field", "points=value:7"];
    let resolved = places.program.expect(0, &[&["--json"], &resolve[..]].concat())?.json()?;
    let runs = [&resolved["conflicts"][0]["run"], &resolved["conflicts"][1]["run"]];
    ensure!(runs[0] == runs[1] && runs[0].is_string(), "{resolved}");
    ensure!(in_step(&places, "title").await? == "Task 7, generated");
    ensure!(in_step(&places, "points").await? == "7");
    Ok(())
}

#[rstest]
#[case::no_number("points", &["--value", "many"], &["field points", "\"many\" is not a number"])]
#[case::no_field("title", &["--field", "state=base"], &["no open conflict", "title, points"])]
#[case::no_choice("title", &["--field", "title"], &["FIELD=CHOICE", "value:VALUE"])]
#[case::two_choices("title", &["--base", "--source"], &["--base", "--source"])]
#[case::none("title", &[], &["--value"])]
#[tokio::test]
async fn what_cannot_be_decided_is_refused_before_anything_is_stored(
    #[case] field: &str,
    #[case] how: &[&str],
    #[case] told: &[&str],
) -> Result<()> {
    let places = disagree(Own::Sqlite).await?;
    let id = open(&places, field)?;
    let before = places.contents().await?;
    let refused = places.program.expect(2, &[&["conflicts", "resolve", &id], how].concat())?;
    ensure_tells(&refused.stderr, told)?;
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    let undecided = |one: &serde_json::Value| one["resolution"].is_null() && one["resolved_by"].is_null();
    ensure!(listed["conflicts"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(undecided)));
    ensure!(places.contents().await? == before);
    Ok(())
}

/// One of several choices is wrong: none is stored.
#[tokio::test]
async fn choices_are_stored_together_or_not_at_all() -> Result<()> {
    let places = disagree(Own::Sqlite).await?;
    let id = open(&places, "title")?;
    let resolve = ["conflicts", "resolve", &id, "--field", "title=source", "--field", "points=value:x"];
    places.program.expect(2, &resolve)?;
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    ensure!(listed["conflicts"][0]["resolution"].is_null() && listed["conflicts"][1]["resolution"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_side_that_is_only_read_and_a_missing_base_are_named() -> Result<()> {
    let places = Places::in_step(3, "conflict_strategy: manual\ndirection: push").await?;
    places.edit("T-000002", "title", "Ours")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000002'").await?;
    places.sync(1, &[])?;
    let refused = places.program.expect(2, &["conflicts", "resolve", "1", "--base"])?;
    ensure_tells(&refused.stderr, &["field title", "does not write the source"])?;

    let places = Places::new(3, "conflict_strategy: manual").await?;
    places.table.execute("INSERT INTO tasks (id, title) VALUES ('T-000002', 'Theirs')").await?;
    places.sync(1, &[])?;
    let id = open(&places, "title")?;
    let refused = places.program.expect(2, &["conflicts", "resolve", &id, "--base"])?;
    ensure_tells(&refused.stderr, &["field title has no base", "choose source, target or a value"])?;
    places.program.expect(0, &["conflicts", "resolve", &id, "--value", "Both"])?;
    ensure!(places.both("T-000002", "title").await? == [Some("Both".to_owned()), Some("Both".to_owned())]);
    Ok(())
}

/// The decision was made for other values.
#[rstest]
#[tokio::test]
async fn an_edit_since_the_decision_opens_the_conflict_again(
    #[values("--base", "--value=Both")] how: &str,
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = disagree(own).await?;
    let id = open(&places, "title")?;
    places.program.expect(0, &["conflicts", "resolve", &id, how, "--no-wait"])?;
    let waits = places.program.expect(0, &["conflicts"])?;
    ensure_tells(&waits.stdout, &["chosen, job waits"])?;
    places.table.execute("UPDATE tasks SET title = 'Later' WHERE id = 'T-000007'").await?;
    // The sync may take the link before the waiting run does.
    places.sync(1, &[])?;
    let both = [Some("Ours".to_owned()), Some("Later".to_owned())];
    ensure!(places.both("T-000007", "title").await? == both, "a value that nobody saw was written over");
    let listed = places.program.expect(0, &["--json", "conflicts"])?.json()?;
    let title =
        listed["conflicts"].as_array().into_iter().flatten().find(|one| one["field"] == "title").cloned();
    ensure!(title.is_some_and(|one| one["target"] == "Later" && one["resolution"].is_null()), "{listed}");
    Ok(())
}
