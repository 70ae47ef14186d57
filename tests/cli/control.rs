//! Groups of dead letters, operations, and what is asked of queues, schedules, workers and projects; on both databases.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::Value;
use syncline_support::{postgres, serving::until};

use super::common::{Own, Places, ensure_tells, number, program};

/// A stored sync, and its database.
async fn stage(own: Own) -> Result<(Places, DatabaseConnection)> {
    let mut program = program()?;
    program.set("SYNCLINE_HEARTBEAT_MS", "100");
    let mut url = format!("sqlite://{}", program.path("syncline.db").display());
    if own == Own::Postgres {
        url = postgres::Database::create().await?.url();
        program.set("DATABASE_URL", &url);
    }
    let places = Places::with(program, 3, "").await?;
    Ok((places, Database::connect(url).await?))
}

/// Adds dead runs of the sync with an error each, which names the run's number.
async fn dead(db: &DatabaseConnection, runs: std::ops::Range<u32>, error: &str) -> Result<()> {
    let id = match db.get_database_backend() {
        sea_orm::DbBackend::Postgres => |n: u32| format!("'0190a1b2-c3d4-7e5f-8a9b-0000{n:08x}'"),
        _ => |n: u32| format!("x'0190a1b2c3d47e5f8a9b0000{n:08x}'"),
    };
    let row = |n: u32| {
        let (id, error) = (id(n), error.replace("{n}", &n.to_string()));
        let at = format!("'2026-01-01 00:{:02}:{:02}+00:00'", n / 60 % 60, n % 60);
        let args = format!("{{\"allow_deletes\":{n}}}");
        format!(
            "({id}, 1, (SELECT MAX(id) FROM sync_configs), {id}, 'sync', 'manual', 2, '{args}', 'failed', {at}, {at}, \
             {at}, TRUE, FALSE, 'trying again would not help', '{error}')"
        )
    };
    let rows: Vec<String> = runs.map(row).collect();
    let sql = format!(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, priority, args, \
         status, queued_at, completed_at, dead_at, rolled_up, success, dead_reason, error_message) VALUES {}",
        rows.join(", ")
    );
    db.execute_unprepared(&sql).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_few_dead_runs_of_one_kind_among_many_are_found_and_replayed_with_two_commands(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let (places, db) = stage(own).await?;
    dead(&db, 0..600, "HTTP 503 of item T-{n}").await?;
    dead(&db, 1_000..1_012, "HTTP 422: \"priority\" of T-{n} is not on the screen").await?;
    syncline_runs::sort_letters(&db, 10_000).await?;
    let groups = places.program.expect(0, &["--json", "dead", "groups", "--sort", "rarest"])?.json()?;
    let group = &groups["groups"][0];
    ensure!(number(group, "letters")? == 12 && number(&groups["groups"][1], "letters")? == 600, "{groups}");
    let name = group["group"].as_str().context("a group")?;
    let replayed =
        places.program.expect(0, &["--json", "dead", "replay", "--group", name, "--yes"])?.json()?;
    ensure!(number(&replayed, "done")? == 12, "{replayed}");

    let left = places.program.expect(0, &["--json", "dead", "groups"])?.json()?;
    ensure!(left["groups"].as_array().is_some_and(|all| all.len() == 1), "{left}");
    ensure_tells(&places.program.expect(0, &["dead", "groups"])?.stdout, &["tasks", "600", "permanent"])?;
    let audit = places.program.expect(0, &["--json", "audit", "--action", "dead.replay"])?.json()?;
    ensure!(number(&audit["changes"][0]["details"]["after"], "count")? == 12, "{audit}");

    // The others go in the background, as soon as a worker is there.
    let rest = left["groups"][0]["group"].as_str().context("a group")?;
    let begun = ["--json", "dead", "discard", "--group", rest, "--background", "--yes"];
    let begun = places.program.expect(0, &begun)?.json()?;
    ensure!(number(&begun, "total")? == 600 && begun["state"] == "running", "{begun}");
    let id = begun["id"].as_str().context("an id")?;
    let show = || places.program.expect(0, &["--json", "operations", "show", id])?.json();
    ensure!(number(&show()?, "done")? == 0);
    let worker = places.program.serve(&["worker"])?;
    let over = async || Ok(Some(show()?).filter(|shown| shown["state"] == "done"));
    let shown = until("the operation is over", over).await?;
    ensure!(number(&shown, "done")? == 600 && number(&shown, "skipped")? == 0, "{shown}");
    worker.signal()?;
    ensure!(worker.wait()? == Some(0));
    ensure_tells(&places.program.expect(0, &["dead", "groups"])?.stdout, &["no dead letters"])?;
    ensure_tells(&places.program.expect(0, &["operations"])?.stdout, &["discard", "done", "600 of 600"])?;
    let cancelled = places.program.expect(0, &["--json", "operations", "cancel", id])?.json()?;
    ensure!(cancelled["changed"] == false, "{cancelled}");
    places.program.expect(2, &["operations", "show", "0190a1b2-c3d4-7e5f-8a9b-000000000000"])?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_worker_is_asked_to_end_and_ends(#[values(Own::Sqlite, Own::Postgres)] own: Own) -> Result<()> {
    let (places, _db) = stage(own).await?;
    let worker = places.program.serve(&["worker", "--concurrency", "3"])?;
    let listed = async || {
        let listed = places.program.expect(0, &["--json", "workers"])?.json()?;
        Ok(listed["workers"][0]["name"].as_str().map(str::to_owned))
    };
    let name = until("it is registered", listed).await?;
    let scale = places.program.expect(0, &["--json", "queues", "scale"])?.json()?;
    ensure!(number(&scale, "slots")? == 3 && number(&scale, "wanted_slots")? == 0, "{scale}");
    ensure_tells(&places.program.expect(0, &["workers", "drain", &name])?.stdout, &["ends when its jobs"])?;
    ensure!(worker.wait()? == Some(0), "it ends as on a signal");
    let unknown = places.program.expect(2, &["workers", "drain", &name])?;
    ensure_tells(&unknown.stderr, &["there is no live worker"])?;

    // Two runs of one sync need one slot.
    for kind in ["sync", "plan"] {
        places.program.expect(0, &["enqueue", "tasks", "--kind", kind])?;
    }
    let scale = places.program.expect(0, &["--json", "queues", "scale"])?.json()?;
    ensure!(number(&scale, "runnable")? == 1 && number(&scale, "slots")? == 0, "{scale}");
    places.program.expect(0, &["pause", "queue", "default"])?;
    let scale = places.program.expect(0, &["--json", "queues", "scale"])?.json()?;
    ensure!(number(&scale, "wanted_slots")? == 0, "nothing begins in a paused queue: {scale}");
    places.program.expect(2, &["queues", "scale", "nowhere"])?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_schedule_is_run_paused_and_resumed(#[values(Own::Sqlite, Own::Postgres)] own: Own) -> Result<()> {
    let (places, _db) = stage(own).await?;
    places.apply("schedule: \"*/15 * * * *\"")?;
    let paused = || -> Result<Value> {
        Ok(places.program.expect(0, &["--json", "schedules"])?.json()?["schedules"][0]["paused"].clone())
    };
    ensure!(paused()? == false);
    ensure_tells(&places.program.expect(0, &["schedules", "pause", "tasks"])?.stdout, &["is paused"])?;
    ensure_tells(&places.program.expect(0, &["schedules", "pause", "tasks"])?.stdout, &["already"])?;
    ensure!(paused()? == true);
    let run = places.program.expect(0, &["--json", "schedules", "run", "tasks"])?.json()?;
    ensure!(run["joined"] == false, "{run}");
    ensure!(places.program.expect(0, &["--json", "schedules", "run", "tasks"])?.json()?["run"] == run["run"]);
    ensure_tells(&places.program.expect(0, &["schedules", "resume", "tasks"])?.stdout, &["goes on"])?;
    ensure!(paused()? == false);
    let audit = places.program.expect(0, &["--json", "audit"])?.json()?;
    let actions: Vec<&str> =
        audit["changes"].as_array().into_iter().flatten().filter_map(|row| row["action"].as_str()).collect();
    ensure!(actions[..3] == ["schedule.resume", "run.enqueue", "schedule.pause"], "{actions:?}");
    ensure_tells(&places.program.expect(2, &["schedules", "run", "nowhere"])?.stderr, &["there is no sync"])?;
    Ok(())
}

#[test]
fn projects_are_created_and_what_changes_the_installation_is_in_the_log() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    program.expect(0, &["projects", "create", "web", "--name", "The web team"])?;
    ensure_tells(&program.expect(2, &["projects", "create", "web"])?.stderr, &["\"web\" already"])?;
    ensure_tells(&program.expect(2, &["projects", "create", "a b"])?.stderr, &["key: \"a b\""])?;
    ensure_tells(&program.expect(0, &["projects"])?.stdout, &["default", "web", "The web team"])?;
    program.expect(0, &["backup", "copy.db"])?;
    program.expect(0, &["stats", "rebuild"])?;
    let audit = program.expect(0, &["--json", "audit"])?.json()?;
    let actions: Vec<&str> =
        audit["changes"].as_array().into_iter().flatten().filter_map(|row| row["action"].as_str()).collect();
    ensure!(
        actions == ["stats.rebuild", "database.backup", "project.create", "schema.migrate"],
        "{actions:?}"
    );
    Ok(())
}

#[test]
fn people_go_through_a_table() -> Result<()> {
    let program = program()?;
    program.expect(0, &["migrate", "up"])?;
    program.write("people.csv", "name,texts\nAda,\"Ada\nada@work\"\nBob,bob\n")?;
    ensure_tells(&program.expect(0, &["people", "import", "people.csv"])?.stdout, &["mapped 2 people"])?;
    let table = program.expect(0, &["people", "export", "--format", "csv"])?.stdout;
    ensure_tells(&table, &["name,email,texts", "Ada", "ada@work", "bob"])?;
    program.expect(0, &["people", "export", "-o", "again.csv"])?;
    let again = program.expect(0, &["--json", "people", "import", "again.csv"])?.json()?;
    ensure!(number(&again, "identities")? == 3 && number(&again, "new")? == 0, "{again}");
    program.write("wrong.csv", "name,acme\nAda,ada\n")?;
    let wrong = program.expect(2, &["people", "import", "wrong.csv"])?;
    ensure_tells(&wrong.stderr, &["wrong.csv", "no account \"acme\""])?;
    Ok(())
}

/// An operation that was killed in the middle goes on where it was.
#[rstest]
#[tokio::test]
async fn a_killed_operation_goes_on_and_does_nothing_twice(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let (mut places, db) = stage(own).await?;
    places.program.set("SYNCLINE_LEASE_MS", "500");
    dead(&db, 0..1_700, "no answer for T-{n}").await?;
    // An operation selects by other properties, and leaves none out of what was asked.
    let elsewhere = ["dead", "discard", "--all", "--of-queue", "other", "--background", "--yes"];
    ensure_tells(&places.program.expect(2, &elsewhere)?.stderr, &["--of-queue"])?;
    let begun = ["--json", "dead", "replay", "--all", "--background", "--yes"];
    let begun = places.program.expect(0, &begun)?.json()?;
    let id = begun["id"].as_str().context("an id")?;
    places.program.expect(0, &["pause", "sync", "tasks"])?;
    let mut killed = places.program.command(&["worker"]);
    let mut killed = killed
        .env("SYNCLINE_TEST_STOP_AT", "operation")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    let show = || places.program.expect(0, &["--json", "operations", "show", id])?.json();
    let begun = async || Ok(Some(number(&show()?, "done")?).filter(|done| *done > 0));
    let some = until("it has begun", begun).await;
    killed.kill()?;
    killed.wait()?;
    let some = some?;
    ensure!(some < 1_700, "{some}");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let worker = places.program.serve(&["worker"])?;
    let over = async || Ok(Some(show()?).filter(|shown| shown["state"] == "done"));
    let shown = until("the operation is over", over).await?;
    ensure!(number(&shown, "done")? == 1_700 && number(&shown, "skipped")? == 0, "{shown}");
    worker.signal()?;
    ensure!(worker.wait()? == Some(0));
    let sql = "SELECT COUNT(*) AS runs, COUNT(DISTINCT parent_run_id) AS letters FROM sync_history \
               WHERE parent_run_id IS NOT NULL";
    let row = db.query_one_raw(sea_orm::Statement::from_string(db.get_database_backend(), sql)).await?;
    let row = row.context("a row")?;
    let counts: (i64, i64) = (row.try_get("", "runs")?, row.try_get("", "letters")?);
    ensure!(counts == (1_700, 1_700), "each letter has one run: {counts:?}");
    Ok(())
}
