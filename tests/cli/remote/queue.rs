//! Pauses, dead letters and the history of items of a server.

use std::process::Stdio;

use anyhow::{Result, ensure};
use sea_orm::{ConnectionTrait, Database};
use syncline_support::serving::until;

use super::{ensure_same, remote};
use crate::common::{Places, ensure_tells};

#[tokio::test]
async fn a_run_of_a_server_waits_for_the_end_of_a_pause_if_that_is_asked_for() -> Result<()> {
    let places = Places::in_step(2, "").await?;
    let server = places.program.serve(&["up"])?;
    let there = remote(&server, None)?;
    let paused = there.expect(0, &["pause", "platform", "sqlite", "--reason", "moving"])?;
    ensure_tells(&paused.stdout, &["platform sqlite is paused", "`syncline resume platform sqlite`"])?;
    ensure_same(&places.program, &there, 0, &["pauses"])?;
    for arguments in [["enqueue", "tasks"], ["sync", "tasks"]] {
        let refused = there.expect(1, &arguments)?;
        ensure_tells(&refused.stderr, &["has been paused since", "moving", "syncline resume platform"])?;
    }
    let accepted = there.expect(0, &["--json", "enqueue", "tasks", "--wait"])?.json()?;
    let pause = accepted["pause"].as_str().unwrap_or_default();
    ensure!(pause.starts_with("platform sql has been paused since"), "{accepted}");
    let told = there.expect(0, &["enqueue", "tasks", "--wait"])?;
    ensure_tells(&told.stdout, &["joined", "it waits: platform sql has been paused"])?;

    let mut command = there.command(&["sync", "tasks", "--wait", "--full"]);
    let waiting = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    until("the second run waits", async || {
        let jobs = there.expect(0, &["--json", "runs", "--status", "queued"])?.json()?;
        Ok((jobs["runs"].as_array().map(Vec::len) == Some(2)).then_some(()))
    })
    .await?;
    ensure_tells(&there.expect(0, &["resume", "platform", "sqlite"])?.stdout, &["goes on"])?;
    let ended = waiting.wait_with_output()?;
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    ensure!(ended.status.code() == Some(0), "{out}{err}");
    ensure_tells(&out, &["tasks: completed"])?;
    ensure_tells(&err, &["platform sql has been paused"])?;
    ensure_tells(&there.expect(0, &["resume", "platform", "sqlite"])?.stdout, &["was not paused"])
}

#[tokio::test]
async fn dead_letters_of_a_server_are_counted_before_they_are_replayed() -> Result<()> {
    let places = Places::in_step(2, "").await?;
    let db = Database::connect(format!("sqlite://{}", places.program.path("syncline.db").display())).await?;
    let rows: Vec<String> = (0..1_203)
        .map(|n| {
            let kind = if n < 3 { "plan" } else { "sync" };
            format!(
                "(x'0190a1b2c3d47e5f8a9b0000{n:08x}', 1, 1, x'0190a1b2c3d47e5f8a9b0000{n:08x}', '{kind}', 'manual', 2, \
                 '{{\"allow_deletes\":{n}}}', 'failed', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', \
                 '2026-01-01T00:00:00+00:00', TRUE, FALSE, 'trying again would not help', 'HTTP 503')"
            )
        })
        .collect();
    db.execute_unprepared(&format!(
        "INSERT INTO sync_history (run_uid, project_id, sync_config_id, correlation_id, kind, sync_type, priority, args, \
         status, queued_at, completed_at, dead_at, rolled_up, success, dead_reason, error_message) VALUES {}",
        rows.join(", ")
    ))
    .await?;
    db.close().await?;
    let server = places.program.serve(&["api"])?;
    let (here, there) = (&places.program, &remote(&server, None)?);
    for (more, told) in [
        (&["--all"][..], "replay 1203 dead letters"),
        (&["--kind", "plan"], "replay 3 dead letters"),
        (&["--filter", "-kind:plan", "--older-than", "1h"], "replay 1200 dead letters"),
    ] {
        let arguments = [&["dead", "replay"], more].concat();
        // Without a terminal the command fails, and names the flag.
        ensure_tells(&here.expect(2, &arguments)?.stderr, &[told, "--yes"])?;
        ensure_tells(&there.expect(2, &arguments)?.stderr, &[told, "--yes"])?;
    }
    let none = there.expect(0, &["dead", "discard", "--kind", "resolve", "--yes"])?;
    ensure_tells(&none.stdout, &["no dead letters match"])?;
    let done = there.expect(0, &["--json", "dead", "replay", "--kind", "plan", "--yes"])?.json()?;
    ensure!(done["done"] == 3 && done["count"] == 3, "{done}");
    let done = there.expect(0, &["--json", "dead", "discard", "--all", "--yes"])?.json()?;
    ensure!(done["done"] == 1_200, "{done}");
    ensure_same(here, there, 0, &["dead"])?;
    Ok(())
}

#[tokio::test]
async fn the_history_of_an_item_of_a_server_names_the_person_who_decided() -> Result<()> {
    let places = Places::in_step(3, "conflict_strategy: manual\n").await?;
    places.edit("T-000001", "title", "Ours")?;
    places.table.execute("UPDATE tasks SET title = 'Theirs' WHERE id = 'T-000001'").await?;
    places.sync(1, &[])?;
    places.program.expect(0, &["conflicts", "resolve", "1", "--source"])?;
    let server = places.program.serve(&["api"])?;
    let (here, there) = (&places.program, &remote(&server, None)?);
    let history = ensure_same(here, there, 0, &["history", "T-000001"])?;
    let changes = history["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let decided = changes.iter().find(|change| change["after"] == "Ours" && change["before"] == "Theirs");
    let by = decided.and_then(|change| change["by"].as_str()).unwrap_or_default();
    ensure!(by.contains('@'), "{history}");
    ensure_same(here, there, 0, &["history", "T-000001", "--limit", "1"])?;
    // The item was changed today, and nothing of it is older.
    let told = there.expect(0, &["history", "--item", "T-000001", "--days", "1"])?;
    ensure_tells(&told.stdout, &["T-000001", "Theirs", "Ours"])?;
    Ok(())
}
