//! Syncline's own database and the table it fills, both on PostgreSQL.

pub(super) mod places;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use syncline_support::{places::edit_csv, postgres::Database, serving::until};

use super::common::{ensure_tells, number, program};
use places::{Places, pool};

const ROWS: usize = 300;
const TICKS: usize = 4;

#[tokio::test]
async fn the_schema_goes_all_the_way_down_and_up_again() -> Result<()> {
    let database = Database::create().await?;
    database.execute("CREATE TABLE of_mine (id INTEGER)").await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &database.url());
    let status = || -> Result<(usize, usize)> {
        let status = program.expect(0, &["--json", "migrate", "status"])?.json()?;
        let rows = status["migrations"].as_array().context("migrations")?;
        Ok((rows.len(), rows.iter().filter(|row| row["applied"] == true).count()))
    };
    let pool = pool(&database.url()).await?;
    let tables = async || -> Result<Vec<String>> {
        let sql =
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1";
        Ok(sqlx::query_scalar(sql).fetch_all(&pool).await?)
    };
    program.expect(2, &["migrate", "status"])?;
    program.expect(0, &["migrate", "up", "--among-other-tables"])?;
    let (all, applied) = status()?;
    ensure!(all > 0 && applied == all);
    let full = tables().await?;
    ensure!(full.iter().any(|table| table == "sync_metadata"), "{full:?}");
    program.expect(0, &["migrate", "down", "--yes", "--steps", &all.to_string()])?;
    ensure!(status()? == (all, 0));
    ensure!(tables().await? == ["of_mine", "syncline_migrations"]);
    program.expect(0, &["migrate", "up"])?;
    ensure!(status()? == (all, all) && tables().await? == full);
    Ok(())
}

#[tokio::test]
async fn a_plan_says_what_the_first_sync_does_and_the_next_one_writes_nothing() -> Result<()> {
    let places = Places::new(ROWS, "").await?;
    let plan = places.program.expect(0, &["plan", "tasks"])?;
    ensure_tells(&plan.stdout, &["300 to create, 0 to update, 0 to delete"])?;
    ensure!(places.rows().await?.is_empty(), "a plan wrote");
    let run = places.sync(0, &[])?;
    ensure!(number(&run, "created")? == 300 && number(&run, "items_failed")? == 0, "{run}");
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    let before = (places.versions().await?, std::fs::read(&places.file)?);
    for _ in 0..2 {
        let run = places.sync(0, &[])?;
        ensure!(number(&run, "items_synced")? == 0 && run["details"]["unchanged"] == 300, "{run}");
    }
    ensure!((places.versions().await?, std::fs::read(&places.file)?) == before, "something was written");
    let runs = places.json(0, &["runs", "tasks"])?;
    ensure!(
        runs["runs"].as_array().is_some_and(|runs| runs.len() == 3),
        "each run is noted, the plan is none: {runs}"
    );
    ensure_tells(&places.program.expect(0, &["stats"])?.stdout, &["tasks"])
}

#[tokio::test]
async fn changes_on_both_sides_meet_in_the_middle() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000001", 1, "Edited, \"in the file\"")?;
    places.edit("T-000002", 3, "")?;
    let new = [["T-900001", "New in the file", "open", "1", "kept"]];
    edit_csv(&places.file, |cells| !["T-000010", "T-000011"].contains(&cells[0].as_str()), &new)?;
    let sql = "UPDATE tasks SET state = 'open', points = 77 WHERE id = 'T-000003';
               UPDATE tasks SET points = 8 WHERE id = 'T-000001';
               DELETE FROM tasks WHERE id IN ('T-000020', 'T-000021', 'T-000022');
               INSERT INTO tasks (id, title, state, points) VALUES ('T-900002', 'New in the table', 'closed', 2)";
    places.execute(sql).await?;
    let run = places.sync(0, &["--confirm-deletes"])?;
    ensure!(number(&run, "created")? == 2 && number(&run, "deleted")? == 5, "{run}");
    let items = places.ensure_in_step().await?;
    ensure!(items.len() == 297, "{} items", items.len());
    let first = &items["T-000001"];
    ensure!(first["points"] == "8" && first["title"] == "Edited, \"in the file\"", "{first:?}");
    ensure!(!items["T-000002"].contains_key("points") && items["T-000003"]["points"] == "77");
    let shown = places.json(0, &["runs", run["id"].as_str().context("a run")?])?;
    let changes = shown["changes"].as_array().context("changes")?;
    let kept =
        |change: &&Value| change["after"] == "Edited, \"in the file\"" && change["state"] == "confirmed";
    ensure!(changes.iter().filter(kept).count() == 1, "{shown}");
    Ok(())
}

/// Only being woken by the other process can be in time: the worker looks by itself once an hour.
#[tokio::test]
async fn an_idle_worker_hears_of_what_another_process_puts_in_line() -> Result<()> {
    let mut places = Places::new(3, "").await?;
    places.program.set("SYNCLINE_POLL_MS", "3600000");
    let worker = places.program.serve(&["worker"])?;
    let listens =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    until("it listens", async || {
        let listeners: i64 = sqlx::query_scalar(listens).fetch_one(&places.ledger).await?;
        Ok((listeners == 1).then_some(()))
    })
    .await?;
    for title in ["Once", "Twice"] {
        places.edit("T-000001", 1, title)?;
        let run = places.json(0, &["enqueue", "tasks"])?;
        let run = run["id"].as_str().context("a run")?.to_owned();
        until("the run is over", async || {
            let sql =
                "SELECT success FROM sync_history WHERE run_uid = $1::uuid AND completed_at IS NOT NULL";
            Ok(sqlx::query_scalar::<_, bool>(sql).bind(&run).fetch_optional(&places.ledger).await?)
        })
        .await?;
        ensure!(places.ensure_in_step().await?["T-000001"]["title"] == title);
    }
    ensure!(worker.terminate()? == Some(0));
    Ok(())
}

#[tokio::test]
async fn what_a_person_decides_is_carried_out() -> Result<()> {
    let places = Places::in_step(ROWS, "conflict_strategy: manual").await?;
    places.edit("T-000007", 1, "Ours")?;
    places.execute("UPDATE tasks SET title = 'Theirs', points = 99 WHERE id = 'T-000007'").await?;
    for _ in 0..2 {
        places.sync(1, &[])?;
    }
    places.execute("UPDATE tasks SET title = 'Theirs, later' WHERE id = 'T-000007'").await?;
    places.sync(1, &[])?;
    let listed = places.json(0, &["conflicts", "list", "--sync", "tasks"])?;
    ensure!(listed["conflicts"].as_array().is_some_and(|all| all.len() == 1), "{listed}");
    let conflict = &listed["conflicts"][0];
    let values = ["field", "base", "source", "target"].map(|key| conflict[key].clone());
    ensure!(values == ["title", "Task 7, generated", "Ours", "Theirs, later"].map(Value::from), "{conflict}");
    let stats = places.json(0, &["stats", "--sync", "tasks"])?;
    ensure!(stats.to_string().contains("\"open_conflicts\":1"), "{stats}");
    let id = conflict["id"].to_string();
    let resolved = places.json(0, &["conflicts", "resolve", &id, "--side", "target"])?;
    ensure!(resolved["applied"] == true && number(&resolved, "open_conflicts")? == 0, "{resolved}");
    let items = places.ensure_in_step().await?;
    let item = &items["T-000007"];
    ensure!(item["title"] == "Theirs, later" && item["points"] == "99", "{item:?}");
    ensure!(places.json(0, &["conflicts"])?["conflicts"] == json!([]));
    ensure!(number(&places.sync(0, &[])?, "items_synced")? == 0);
    Ok(())
}

#[tokio::test]
async fn conflicts_that_resolve_themselves_are_closed() -> Result<()> {
    let places = Places::in_step(30, "conflict_strategy: manual").await?;
    places.edit("T-000007", 1, "Ours")?;
    places.edit("T-000008", 1, "Ours")?;
    let both = "UPDATE tasks SET title = 'Theirs' WHERE id IN ('T-000007', 'T-000008')";
    places.execute(both).await?;
    places.sync(1, &[])?;
    // One ends because people agree, the other because a rule now resolves it.
    places.execute("UPDATE tasks SET title = 'Ours' WHERE id = 'T-000007'").await?;
    places.sync(1, &[])?;
    places.apply("conflict_strategy: target_wins")?;
    places.sync(0, &[])?;
    let items = places.ensure_in_step().await?;
    ensure!(items["T-000007"]["title"] == "Ours" && items["T-000008"]["title"] == "Theirs");
    let listed = places.json(0, &["conflicts", "list", "--all"])?;
    let resolved = |conflict: &&Value| conflict["resolved"] == true;
    let all = listed["conflicts"].as_array().context("conflicts")?;
    ensure!(all.len() == 2 && all.iter().filter(resolved).count() == 2, "{listed}");
    Ok(())
}

#[tokio::test]
async fn a_row_that_the_table_refuses_fails_alone_and_heals_when_mended() -> Result<()> {
    let places = Places::in_step(ROWS, "").await?;
    places.edit("T-000003", 2, "half-open")?;
    places.edit("T-000004", 1, "Edited")?;
    let run = places.sync(1, &[])?;
    ensure!(number(&run, "items_failed")? == 1 && number(&run, "updated")? == 1, "{run}");
    ensure_tells(&run["details"]["errors"].to_string(), &["T-000003", "known_state"])?;
    let rows = places.rows().await?;
    ensure!(
        rows["T-000003"]["state"] == "closed" && rows["T-000004"]["title"] == "Edited",
        "the others wait"
    );
    places.edit("T-000003", 2, "open")?;
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?["T-000003"]["state"] == "open");
    Ok(())
}

#[tokio::test]
async fn two_workers_fire_each_tick_once_and_never_at_the_same_time() -> Result<()> {
    let places = Places::in_step(30, "sync_interval: 1").await?;
    let workers = [places.program.serve(&["worker"])?, places.program.serve(&["worker"])?];
    let enough = async || Ok((places.ticks().await?.len() >= TICKS).then_some(()));
    until("the schedule fires again and again", enough).await?;
    for worker in workers {
        ensure!(worker.terminate()? == Some(0));
    }
    let ticks = places.ticks().await?;
    let different: BTreeSet<&String> = ticks.iter().collect();
    ensure!(different.len() == ticks.len(), "a tick fired twice: {ticks:?}");
    let runs = places.json(0, &["runs", "tasks", "--limit", "1000"])?;
    let runs = runs["runs"].as_array().context("runs")?;
    ensure!(runs.len() == ticks.len() + 1, "{} runs for {} ticks", runs.len(), ticks.len());
    let ended: Vec<&Value> = runs.iter().filter(|run| run["status"] == "completed").collect();
    for pair in ended.windows(2) {
        let [after, before] = [&pair[0]["started_at"], &pair[1]["completed_at"]];
        ensure!(before.as_str() <= after.as_str(), "two runs at once: {before} {after}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_enqueued_twice_is_carried_out_once() -> Result<()> {
    let places = Places::new(30, "").await?;
    let first = places.json(0, &["enqueue", "tasks"])?;
    let second = places.json(0, &["enqueue", "tasks"])?;
    ensure!(first["joined"] == false && second["joined"] == true, "{first} {second}");
    ensure!(first["id"] == second["id"], "{first} {second}");
    let worker = places.program.serve(&["worker"])?;
    let run = first["id"].as_str().context("a run")?;
    let done = until("the worker carries it out", async || {
        let run = places.json(0, &["runs", run])?;
        Ok((run["status"] == "completed").then_some(run))
    })
    .await?;
    ensure!(number(&done, "created")? == 30, "{done}");
    ensure!(worker.terminate()? == Some(0));
    ensure!(places.ensure_in_step().await?.len() == 30);
    Ok(())
}

#[tokio::test]
async fn syncs_started_at_once_do_the_work_once() -> Result<()> {
    let places = Places::new(ROWS, "").await?;
    let start = |_| places.program.start(&["sync", "tasks"]);
    let mut syncs = (0..4).map(start).collect::<Result<Vec<_>>>()?;
    for sync in &mut syncs {
        until("a sync ends", async || Ok(sync.has_ended()?.then_some(()))).await?;
    }
    ensure!(places.ensure_in_step().await?.len() == ROWS);
    let runs = places.json(0, &["runs"])?;
    let runs = runs["runs"].as_array().context("runs")?;
    let created: u64 = runs.iter().filter_map(|run| run["created"].as_u64()).sum();
    ensure!(created == 300 && runs.iter().all(|run| run["success"] == true), "{runs:?}");
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs").fetch_one(&places.ledger).await?;
    ensure!(left == 0, "{left} jobs are left");
    Ok(())
}
