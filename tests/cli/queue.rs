//! What people do with the queue: look, cancel, pause, replay; on both databases.

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use serde_json::Value;

use syncline_support::serving::until;

use super::common::{Own, Places, ensure_tells};

fn queued(places: &Places, more: &[&str]) -> Result<String> {
    let told = places.program.expect(0, &[&["--json", "enqueue", "tasks"], more].concat())?.json()?;
    Ok(told["id"].as_str().context("a run")?.to_owned())
}

fn listed(places: &Places, more: &[&str]) -> Result<Vec<Value>> {
    let told = places.program.expect(0, &[&["--json"], more].concat())?.json()?;
    Ok(told["jobs"].as_array().context("jobs")?.clone())
}

/// A sync whose runs die at once: its file has two rows of one key.
async fn dying(own: Own) -> Result<Places> {
    let places = Places::new_on(own, 3, "max_retries: 0").await?;
    std::fs::remove_file(&places.file)?;
    Ok(places)
}

#[rstest]
#[tokio::test]
async fn jobs_are_listed_shown_and_cancelled(#[values(Own::Sqlite, Own::Postgres)] own: Own) -> Result<()> {
    let places = Places::new_on(own, 3, "").await?;
    ensure_tells(&places.program.expect(0, &["jobs"])?.stdout, &["no jobs"])?;
    let now = queued(&places, &[])?;
    let later = queued(&places, &["--kind", "plan", "--delay", "2h"])?;
    let jobs = listed(&places, &["jobs"])?;
    ensure!(jobs.len() == 2 && jobs.iter().all(|job| job["status"] == "queued"), "{jobs:?}");
    for (search, count) in [
        (["jobs", "--sync", "tasks"], 2),
        (["jobs", "--kind", "plan"], 1),
        (["jobs", "--status", "in_progress"], 0),
        (["jobs", "--older-than", "1h"], 0),
        (["jobs", "--key", "nobody"], 0),
    ] {
        ensure!(listed(&places, &search)?.len() == count, "{search:?}");
    }
    let first = places.program.expect(0, &["--json", "jobs", "--limit", "1"])?.json()?;
    let next = first["next_cursor"].as_str().context("more")?;
    let second = listed(&places, &["jobs", "--limit", "1", "--after", next])?;
    ensure!(second.len() == 1 && second[0]["id"] != first["jobs"][0]["id"], "{second:?}");
    let text = places.program.expect(0, &["jobs"])?.stdout;
    ensure_tells(&text, &[&now, &later, "tasks", "queued", "not before"])?;
    let shown = places.program.expect(0, &["jobs", "show", &later])?.stdout;
    ensure_tells(&shown, &[&later, "tasks", "plan", "queued"])?;

    ensure_tells(&places.program.expect(0, &["jobs", "cancel", &now, &later])?.stdout, &["cancelled"])?;
    ensure!(listed(&places, &["jobs"])?.is_empty());
    let over = places.program.expect(1, &["jobs", "cancel", &now])?;
    ensure_tells(&over.stderr, &[&format!("error: {now}: is over already")])?;
    let nobody = "0193e5a0-0000-7000-8000-000000000001";
    places.program.expect(1, &["jobs", "cancel", nobody])?;
    places.program.expect(2, &["jobs", "show", nobody])?;
    places.program.expect(2, &["jobs", "--state", "gone"])?;
    places.program.expect(2, &["jobs", "--after", "nonsense"])?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn dead_letters_are_counted_confirmed_and_replayed(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = dying(own).await?;
    // A run that somebody waits for is told to them and is no dead letter.
    places.program.expect(1, &["sync", "tasks"])?;
    ensure!(listed(&places, &["dead"])?.is_empty());
    let worker = places.program.serve(&["worker"])?;
    for count in 1..=2 {
        places.program.expect(0, &["enqueue", "tasks"])?;
        until("the run is dead", async || Ok((listed(&places, &["dead"])?.len() == count).then_some(())))
            .await?;
    }
    worker.signal()?;
    ensure!(worker.wait()? == Some(0));
    let letters = listed(&places, &["dead"])?;
    ensure!(letters.len() == 2 && letters[0]["sync"] == "tasks", "{letters:?}");
    ensure!(listed(&places, &["jobs", "--state", "dead"])?.len() == 2);
    ensure!(listed(&places, &["dead", "--text", "no such reason"])?.is_empty());
    let id = letters[0]["id"].as_str().context("an id")?;
    ensure_tells(&places.program.expect(0, &["dead", "show", id])?.stdout, &[id, "attempts"])?;

    // Nobody is there to be asked.
    let refused = places.program.expect(2, &["dead", "discard", "--all"])?;
    ensure_tells(&refused.stderr, &["would discard 2 dead letters", "--yes"])?;
    places.program.expect(2, &["dead", "replay"])?;
    places.program.expect(2, &["dead", "replay", "--all", "--sync", "tasks"])?;
    ensure!(listed(&places, &["dead"])?.len() == 2);

    let replayed = places.program.expect(0, &["--json", "dead", "replay", id])?.json()?;
    ensure!(replayed["done"] == 1, "{replayed}");
    ensure!(listed(&places, &["dead"])?.len() == 1 && listed(&places, &["jobs"])?.len() == 1);
    let again = places.program.expect(1, &["dead", "replay", id])?;
    ensure_tells(&again.stderr, &[&format!("error: {id}: is no dead letter")])?;
    let discarded = places.program.expect(0, &["--json", "dead", "discard", "--sync", "tasks", "--yes"])?;
    ensure!(discarded.json()?["done"] == 1);
    ensure!(listed(&places, &["dead"])?.is_empty());
    ensure_tells(&places.program.expect(0, &["dead", "discard", "--all"])?.stdout, &["no dead letters"])?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn what_is_paused_waits(#[values(Own::Sqlite, Own::Postgres)] own: Own) -> Result<()> {
    let places = Places::new_on(own, 3, "").await?;
    ensure_tells(&places.program.expect(0, &["pauses"])?.stdout, &["nothing is paused"])?;
    let pause = ["pause", "sync", "tasks", "--reason", "the table moves"];
    ensure_tells(&places.program.expect(0, &pause)?.stdout, &["sync tasks is paused"])?;
    ensure_tells(&places.program.expect(0, &pause)?.stdout, &["paused already"])?;
    let wrong = places.program.expect(2, &["pause", "queue", "defualt"])?;
    ensure_tells(&wrong.stderr, &["there is no queue \"defualt\"; did you mean \"default\"?"])?;
    places.program.expect(0, &["pause", "queue", "default"])?;
    places.program.expect(0, &["pause", "platform", "sqlite"])?;
    let pauses = places.program.expect(0, &["pauses"])?.stdout;
    ensure_tells(&pauses, &["tasks", "the table moves", "queue", "default", "platform"])?;
    for command in [&["sync", "tasks"][..], &["enqueue", "tasks"]] {
        let refused = places.program.expect(1, command)?;
        ensure_tells(
            &refused.stderr,
            &["sync tasks has been paused since", "@", "(\"the table moves\"); syncline resume sync tasks"],
        )?;
    }
    places.program.expect(0, &["plan", "tasks"])?;
    let waits = places.program.expect(0, &["enqueue", "tasks", "--wait"])?;
    ensure_tells(&waits.stdout, &["it waits: sync tasks has been paused since"])?;
    ensure!(!waits.stderr.contains("no worker"), "{}", waits.stderr);
    let run = queued(&places, &["--wait"])?;
    let undispatched = listed(&places, &["jobs", "--status", "undispatched"])?;
    ensure!(undispatched.len() == 1 && undispatched[0]["id"] == run.as_str(), "{undispatched:?}");
    let schedules = places.program.expect(0, &["--json", "schedules"])?.json()?;
    ensure!(schedules["schedules"][0]["paused"] == true, "{schedules}");
    ensure_tells(
        &places.program.expect(0, &["queues"])?.stdout,
        &["default (paused)", "normal", "critical"],
    )?;
    for subject in [["sync", "tasks"], ["queue", "default"], ["platform", "sql"]] {
        ensure_tells(&places.program.expect(0, &[&["resume"], &subject[..]].concat())?.stdout, &["goes on"])?;
    }
    ensure_tells(&places.program.expect(0, &["resume", "sync", "tasks"])?.stdout, &["was not paused"])?;
    ensure!(listed(&places, &["jobs", "--state", "waiting"])?.len() == 1);
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?.len() == 3);
    places.program.expect(2, &["pause", "sync", "nobody"])?;
    places.program.expect(2, &["pause", "account", "nobody"])?;
    places.program.expect(2, &["pause", "platform", "nowhere"])?;
    Ok(())
}

#[tokio::test]
async fn a_cron_expression_fires_and_is_listed() -> Result<()> {
    let more =
        "schedule: \"* * * * * *\"\ntimezone: Europe/Berlin\nrun_window: 00:00-24:00\nmissed_ticks: skip";
    let places = Places::new(3, more).await?;
    let told = places.program.expect(0, &["schedules"])?.stdout;
    ensure_tells(&told, &["* * * * * *", "Europe/Berlin", "00:00-24:00", "skip", "on"])?;
    let worker = places.program.serve(&["worker"])?;
    syncline_support::serving::until("the schedule fires", async || {
        let runs = places.program.expect(0, &["--json", "runs", "tasks"])?.json()?;
        let fired = runs["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["success"] == true));
        Ok(fired.then_some(()))
    })
    .await?;
    ensure!(worker.terminate()? == Some(0));
    // An edit leaves no tick of the older schedule.
    places.apply("schedule: \"0 0 1 1 *\"")?;
    let row = places.program.expect(0, &["--json", "schedules"])?.json()?["schedules"][0].clone();
    ensure!(row["next_tick_at"].as_str().is_some_and(|next| next.contains("-01-01T00:00:00")), "{row}");
    places.apply("sync_interval: 0")?;
    let row = places.program.expect(0, &["--json", "schedules"])?.json()?["schedules"][0].clone();
    ensure!(row["next_tick_at"].is_null() && row["paused"] == false && row["enabled"] == true, "{row}");
    Ok(())
}

#[tokio::test]
async fn lists_name_a_sync_as_commands_take_it() -> Result<()> {
    let places = Places::new(2, "project: team-a").await?;
    let told = places.program.expect(0, &["sync", "team-a/tasks"])?.stdout;
    ensure_tells(&told, &["team-a/tasks: completed"])?;
    places.program.expect(0, &["enqueue", "team-a/tasks"])?;
    for command in [
        &["runs"][..],
        &["jobs"],
        &["schedules"],
        &["stats"],
        &["history", "T-000001"],
        &["plan", "team-a/tasks"],
    ] {
        ensure_tells(&places.program.expect(0, command)?.stdout, &["team-a/tasks"])?;
    }
    let runs = places.program.expect(0, &["--json", "runs"])?.json()?;
    ensure!(runs["runs"][0]["sync"] == "tasks" && runs["runs"][0]["project"] == "team-a", "{runs}");
    Ok(())
}
