//! What people read on a screen of 80 columns, and what reaches a pipe.

use std::collections::HashSet;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sqlx::{Connection, SqliteConnection};

use super::common::{Places, ensure_tells};

/// What a command prints on a screen of 80 columns.
fn on_a_screen(places: &Places, arguments: &[&str]) -> Result<String> {
    let output = places.program.command(arguments).env("COLUMNS", "80").output()?;
    Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
}

/// The id of the latest run.
fn latest(places: &Places) -> Result<String> {
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    Ok(runs["runs"][0]["id"].as_str().context("a run")?.to_owned())
}

/// A sync with a failed run among the dead letters, a conflict and changes of an item.
async fn eventful() -> Result<Places> {
    let places = Places::in_step(5, "conflict_strategy: manual\nmax_retries: 0").await?;
    places.edit("T-000001", "points", "8")?;
    places.edit(
        "T-000002",
        "title",
        "A title that is long enough to need more than the width of a column",
    )?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000002'").await?;
    places.sync(1, &[])?;
    let moved = places.program.path("moved.csv");
    std::fs::rename(&places.file, &moved)?;
    places.sync(1, &[])?;
    let url = format!("sqlite://{}", places.program.path("syncline.db").display());
    let mut own = SqliteConnection::connect(&url).await?;
    let give_up = "UPDATE sync_history SET dead_at = completed_at, dead_reason = 'trying again would not help' \
                   WHERE status = 'failed'";
    sqlx::query(give_up).execute(&mut own).await?;
    own.close().await?;
    std::fs::rename(&moved, &places.file)?;
    Ok(places)
}

#[tokio::test]
async fn every_screen_fits_eighty_columns_and_breaks_no_word() -> Result<()> {
    let places = eventful().await?;
    places.program.expect(0, &["enqueue", "tasks", "--delay", "2h"])?;
    places
        .program
        .expect(0, &["pause", "platform", "sqlite", "--reason", "the database moves to another host"])?;
    let run = latest(&places)?;
    for arguments in [
        &["runs"][..],
        &["runs", &run],
        &["jobs"],
        &["dead"],
        &["queues"],
        &["conflicts"],
        &["history", "T-000001"],
        &["stats"],
        &["workers"],
        &["schedules"],
        &["pauses"],
        &["migrate", "status"],
        &["--help"],
    ] {
        let narrow = on_a_screen(&places, arguments)?;
        let wide = places.program.run(arguments)?;
        let wide = wide.stdout + &wide.stderr;
        let words: HashSet<&str> = wide.split_whitespace().collect();
        for line in narrow.lines() {
            // A word longer than the screen is not broken either.
            let one = line.split_whitespace().count() <= 2;
            ensure!(one || line.chars().count() <= 80, "{arguments:?}: {line:?}");
            for word in line.split_whitespace() {
                let id = || words.iter().any(|whole| whole.len() == 36 && whole.starts_with(word));
                let name = word.strip_suffix(':').is_some_and(|name| wide.contains(name));
                let times = word.chars().all(|c| c.is_ascii_digit());
                ensure!(
                    words.contains(word) || id() || name || times,
                    "{arguments:?} broke {word:?}:\n{narrow}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn piped_rows_are_one_line_each_with_whole_ids() -> Result<()> {
    let places = eventful().await?;
    let rows = places.program.expect(0, &["runs"])?.stdout;
    let json = places.program.expect(0, &["--json", "runs"])?.json()?;
    let runs = json["runs"].as_array().context("runs")?;
    ensure!(rows.lines().count() == runs.len() + 1, "{rows}");
    for (line, run) in rows.lines().skip(1).zip(runs) {
        ensure!(line.split_whitespace().next() == run["id"].as_str(), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn a_sync_tells_its_result_in_sentences_with_its_run() -> Result<()> {
    let places = Places::new(3, "").await?;
    let told = places.told(0, &[])?;
    let run = latest(&places)?;
    ensure_tells(
        &told.stdout,
        &["3 created, 0 updated, 0 deleted, 0 unchanged", &format!("syncline runs {run}")],
    )?;
    ensure!(told.stderr.is_empty() && told.stdout.lines().count() == 3, "{told:?}");
    Ok(())
}

#[tokio::test]
async fn errors_of_a_sync_are_on_standard_error_one_line_each() -> Result<()> {
    let places = Places::in_step(5, "").await?;
    places.edit("T-000003", "state", "half-open")?;
    places.edit("T-000004", "state", "half-open")?;
    let told = places.told(1, &[])?;
    let errors: Vec<&str> = told.stderr.lines().collect();
    ensure!(errors.len() == 2 && errors.iter().all(|line| line.starts_with("error: T-")), "{errors:?}");
    ensure!(!told.stdout.contains("CHECK"), "{}", told.stdout);
    ensure_tells(&told.stdout, &["2 failed"])?;
    std::fs::remove_file(&places.file)?;
    let told = places.told(1, &[])?;
    ensure!(told.stderr.starts_with("error: "), "{}", told.stderr);
    ensure!(!told.stdout.contains("no such file"), "{}", told.stdout);
    Ok(())
}

#[tokio::test]
async fn a_link_whose_items_are_both_gone_ends_without_a_counterpart() -> Result<()> {
    let places = Places::in_step(20, "delete_policy: delete").await?;
    places.remove(&["T-000020"])?;
    places.table.execute("DELETE FROM tasks WHERE id = 'T-000020'").await?;
    places.sync(0, &[])?;
    let told = places.told(0, &[])?.stdout;
    ensure_tells(&told, &["1 link ended: both items are gone"])?;
    ensure!(!told.contains("stays"), "{told}");
    Ok(())
}

#[tokio::test]
async fn an_id_may_be_cut_to_a_prefix_that_is_its_own() -> Result<()> {
    let places = eventful().await?;
    let run = latest(&places)?;
    let shown = places.program.expect(0, &["runs", &run[..18]])?.stdout;
    ensure_tells(&shown, &[&run])?;
    let jobs = places.program.expect(0, &["--json", "dead"])?.json()?;
    let dead = jobs["jobs"][0]["id"].as_str().context("a dead letter")?;
    ensure_tells(&places.program.expect(0, &["dead", "show", &dead[..18]])?.stdout, &[dead])?;
    // The time that ids begin with is the same for all of this test's runs.
    let several = places.program.expect(2, &["runs", &run[..5]])?;
    ensure_tells(&several.stderr, &["more than one id", &run])?;
    ensure_tells(&places.program.expect(2, &["jobs", "cancel", "zzzz"])?.stderr, &["zzzz", "no id"])?;
    ensure_tells(&places.program.expect(2, &["runs", "ffffffff"])?.stderr, &["no run ffffffff"])?;
    let discarded = places.program.expect(0, &["dead", "discard", &dead[..18]])?;
    ensure_tells(&discarded.stdout, &["discarded 1"])
}

#[tokio::test]
async fn dead_letters_are_listed_with_their_error_and_counted_with_the_queues() -> Result<()> {
    let places = eventful().await?;
    let told = places.program.expect(0, &["dead"])?.stdout;
    ensure_tells(&told, &["error", "backlog.csv", "until the cause is mended"])?;
    places.program.expect(0, &["pause", "sync", "tasks"])?;
    places.program.expect(0, &["enqueue", "tasks", "--wait"])?;
    let queues = places.program.expect(0, &["--json", "queues"])?.json()?;
    let classes = queues["queues"][0]["priorities"].as_array().context("priorities")?;
    let sum = |key: &str| classes.iter().filter_map(|class| class[key].as_u64()).sum::<u64>();
    ensure!((sum("dead"), sum("undispatched")) == (1, 1), "{queues}");
    Ok(())
}

#[tokio::test]
async fn changes_name_their_items() -> Result<()> {
    let places = eventful().await?;
    let runs =
        places.program.expect(0, &["--json", "runs", "--status", "completed", "--limit", "1"])?.json()?;
    let run = runs["runs"][0]["id"].as_str().context("a run")?;
    let told = places.program.expect(0, &["runs", run])?.stdout;
    ensure_tells(&told, &["item", "T-000001", "points", "8", "conflict of this run is still open"])?;
    let shown = places.program.expect(0, &["--json", "runs", run])?.json()?;
    let change = &shown["changes"][0];
    ensure!(change["entity_id"] == "T-000001" && change["external_id"] == "T-000001", "{change}");
    ensure!(change["mapping_id"].is_number() && shown["open_conflicts"] == 1, "{shown}");
    // Conflicts of today are none of the first run's.
    let first = places.program.expect(0, &["--json", "runs", "tasks"])?.json()?;
    let first = first["runs"].as_array().and_then(|runs| runs.last()).context("a first run")?["id"].clone();
    let first = places.program.expect(0, &["--json", "runs", first.as_str().context("an id")?])?.json()?;
    ensure!(first["open_conflicts"] == 0, "{first}");
    Ok(())
}

#[tokio::test]
async fn the_history_of_an_item_says_what_when_and_by_which_run() -> Result<()> {
    let places = eventful().await?;
    let told = places.program.expect(0, &["history", "T-000001", "--days", "7"])?.stdout;
    ensure_tells(&told, &["T-000001", "points", "8", "target", "manual"])?;
    let shown =
        places.program.expect(0, &["--json", "history", "--item", "T-000001", "--sync", "tasks"])?.json()?;
    let changes = shown["changes"].as_array().context("changes")?;
    ensure!(changes.len() == 2, "{shown}");
    ensure!(changes[0]["field"].is_null() && changes[0]["before"].is_null(), "created first: {shown}");
    let last = &changes[1];
    ensure!(last["field"] == "points" && last["sync"] == "tasks" && last["run"].is_string(), "{last}");
    ensure_tells(&places.program.expect(2, &["history", "T-999999"])?.stderr, &["T-999999"])?;

    places.program.expect(0, &["conflicts", "resolve", "1", "--side", "source"])?;
    let shown = places.program.expect(0, &["--json", "history", "T-000002"])?.json()?;
    let last = shown["changes"].as_array().and_then(|all| all.last()).context("a change")?;
    ensure!(last["field"] == "title" && last["by"].as_str().is_some_and(|by| by != "manual"), "{last}");
    Ok(())
}

#[tokio::test]
async fn a_plan_is_shown_as_a_plan() -> Result<()> {
    let places = Places::new(5, "").await?;
    places.program.expect(0, &["enqueue", "tasks", "--kind", "plan"])?;
    places.sync(0, &[])?;
    ensure_tells(&places.program.expect(0, &["runs", "--kind", "plan"])?.stdout, &["would create 5"])?;
    let plans = places.program.expect(0, &["--json", "runs", "--kind", "plan"])?.json()?;
    let run = plans["runs"][0]["id"].as_str().context("a plan")?.to_owned();
    let told = places.program.expect(0, &["runs", &run])?.stdout;
    ensure_tells(&told, &["plan of tasks", "+ T-000001", "5 to create", "nothing was written"])?;
    ensure!(!told.contains("5 created"), "{told}");
    Ok(())
}

#[tokio::test]
async fn runs_are_found_by_status_kind_and_age() -> Result<()> {
    let places = eventful().await?;
    for (search, count) in [
        (&["--status", "failed"][..], 1),
        (&["--status", "completed"], 2),
        (&["--kind", "plan"], 0),
        (&["tasks", "--kind", "sync", "--since", "1h"], 3),
    ] {
        let found = places.program.expect(0, &[&["--json", "runs"], search].concat())?.json()?;
        ensure!(found["runs"].as_array().is_some_and(|runs| runs.len() == count), "{search:?}: {found}");
    }
    ensure_tells(&places.program.expect(2, &["runs", "--status", "gone"])?.stderr, &["gone", "completed"])?;
    places.program.expect(0, &["conflicts", "--all", "--sync", "tasks"])?;
    places.program.expect(0, &["dead", "list", "--sync", "tasks"])?;
    Ok(())
}

#[tokio::test]
async fn without_a_worker_it_is_said_that_nothing_is_carried_out() -> Result<()> {
    let places = Places::new(3, "").await?;
    let told = places.program.expect(0, &["enqueue", "tasks"])?;
    ensure_tells(&told.stdout, &["is in the queue"])?;
    ensure_tells(&told.stderr, &["no worker is running", "syncline up"])
}

#[tokio::test]
async fn an_item_written_on_both_sides_is_one_item_updated() -> Result<()> {
    let places = Places::in_step(5, "").await?;
    places.edit("T-000001", "points", "8")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    ensure_tells(&places.program.expect(0, &["plan", "tasks"])?.stdout, &["0 to create, 1 to update"])?;
    ensure_tells(&places.told(0, &[])?.stdout, &["0 created, 1 updated"])
}

/// What is wrong is said once, on lines that fit, and in words that are not the library's.
#[rstest]
#[case::a_length(&["runs", "--since", "5"], "no length of time; write a number and s, m, h, d or w")]
#[case::a_state(&["jobs", "--status", "queue"], "a similar value exists: 'queued'")]
#[case::a_priority(&["enqueue", "tasks", "--priority", "hihg"], "a similar value exists: 'high'")]
#[case::a_time(&["enqueue", "tasks", "--at", "tomorrow"], "no time; write 2026-12-24T18:00:00Z")]
#[case::steps(&["migrate", "down", "--steps", "0"], "must be at least 1")]
#[case::days(&["history", "T-000001", "--days", "0"], "must be from 1 to 36600")]
#[case::nothing_to_plan(&["plan"], "syncline plan NAME, syncline plan -f FILE")]
#[case::a_platform(&["pause", "platform", "cvs"], "did you mean \"csv\"?")]
#[case::a_case(&["history", "t-000001"], "did you mean \"T-000001\"?")]
#[case::a_project(&["plan", "team-a/tasks"], "did you mean \"tasks\"?")]
#[tokio::test]
async fn a_wrong_use_fits_the_screen_and_names_the_remedy(
    #[case] arguments: &[&str],
    #[case] tells: &str,
) -> Result<()> {
    let places = Places::in_step(1, "").await?;
    let refused = on_a_screen(&places, arguments)?;
    let unfolded = refused.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(unfolded.contains(tells), "{tells:?} is missing in:\n{refused}");
    ensure!(refused.lines().all(|line| line.chars().count() <= 80), "{refused}");
    let wrong = arguments.last().copied().unwrap_or_default();
    let said =
        unfolded.matches(&format!("{wrong:?}")).count() + unfolded.matches(&format!("'{wrong}'")).count();
    ensure!(said <= 1, "said {said} times: {refused}");
    Ok(())
}

#[tokio::test]
async fn a_sync_of_another_project_is_named() -> Result<()> {
    let places = Places::new(1, "project: team-a\nname: p1").await?;
    ensure_tells(&places.program.expect(2, &["plan", "p1"])?.stderr, &["did you mean \"team-a/p1\"?"])
}

#[tokio::test]
async fn runs_say_why_they_failed_or_wait() -> Result<()> {
    let places = eventful().await?;
    let failed = places.program.expect(0, &["runs", "--status", "failed"])?.stdout;
    ensure_tells(&failed, &["backlog.csv"])?;
    places.program.expect(0, &["pause", "sync", "tasks"])?;
    let run = places.program.expect(0, &["--json", "enqueue", "tasks", "--wait"])?.json()?;
    let run = run["id"].as_str().context("a run")?;
    ensure_tells(&places.program.expect(0, &["runs"])?.stdout, &["waits: sync tasks is paused"])?;
    let shown = places.program.expect(0, &["jobs", "show", run])?.stdout;
    ensure_tells(&shown, &["status: queued", "queued: 20", "pause: sync tasks has been paused since"])?;
    ensure!(!shown.contains("unique_key") && !shown.contains("null"), "{shown}");
    places.program.expect(0, &["jobs", "cancel", run])?;
    let shown = places.program.expect(0, &["runs", run])?.stdout;
    ensure!(shown.contains("tasks: cancelled\n") && !shown.contains("error"), "{shown}");
    ensure!(!shown.contains("attempt"), "{shown}");
    Ok(())
}
