//! Killed at each step with Syncline's own database on PostgreSQL, and a bit of everything under way.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::{
    places::{Items, Table, document, edit_csv, read_csv, write_csv},
    postgres::Database,
    program::Program,
    serving::until,
};

use super::{
    BINARY,
    ledger::{Ledger, check_in_step},
};

const ROWS: usize = 60;
/// Two of each kind in each direction, one field each.
const WRITES: i64 = 12;

fn fields(title: &str, state: &str, points: &str) -> [(String, String); 3] {
    [("title", title), ("state", state), ("points", points)].map(|(name, value)| (name.into(), value.into()))
}

/// Creates, edits and deletes on both sides. Answers what both must hold in the end.
async fn work(program: &Program) -> Result<Items> {
    let (file, table) = (program.path("backlog.csv"), Table::open(&program.path("tasks.db")).await?);
    let mut expected = read_csv(&file)?;
    let edit = |cells: &mut Vec<String>| {
        if ["T-000001", "T-000002"].contains(&cells[0].as_str()) {
            cells[1] += ", edited";
        }
        !["T-000003", "T-000004"].contains(&cells[0].as_str())
    };
    edit_csv(&file, edit, &[["N-1", "Born here", "open", "1", ""], ["N-2", "Born here", "open", "2", ""]])?;
    let sql = "BEGIN; UPDATE tasks SET points = 500 WHERE id IN ('T-000005', 'T-000006'); \
               DELETE FROM tasks WHERE id IN ('T-000007', 'T-000008'); \
               INSERT INTO tasks (id, title, state, points) \
               VALUES ('N-3', 'Born there', 'closed', 3), ('N-4', 'Born there', 'closed', 4); COMMIT;";
    table.execute(sql).await?;
    for id in ["T-000001", "T-000002"] {
        *expected.entry(id.to_owned()).or_default().entry("title".to_owned()).or_default() += ", edited";
    }
    for id in ["T-000005", "T-000006"] {
        expected.entry(id.to_owned()).or_default().insert("points".to_owned(), "500".to_owned());
    }
    expected.retain(|id, _| !["T-000003", "T-000004", "T-000007", "T-000008"].contains(&id.as_str()));
    for (id, title, state, points) in [
        ("N-1", "Born here", "open", "1"),
        ("N-2", "Born here", "open", "2"),
        ("N-3", "Born there", "closed", "3"),
        ("N-4", "Born there", "closed", "4"),
    ] {
        expected.insert(id.to_owned(), fields(title, state, points).into());
    }
    Ok(expected)
}

#[rstest]
#[tokio::test]
async fn a_kill_loses_nothing_and_doubles_nothing_on_postgres(
    #[values(
        "intent_committed",
        "remote_written",
        "confirmed",
        "base_advanced",
        "cursor_saved",
        "acknowledged"
    )]
    step: &str,
) -> Result<()> {
    let database = Database::create().await?;
    let mut program = Program::new(BINARY)?;
    program.set("DATABASE_URL", &database.url());
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), ROWS)?;
    // The table has a row of its own, so that its reading has somewhere to go on from.
    let table = Table::open(&program.path("tasks.db")).await?;
    let first = "INSERT INTO tasks (id, title, state, points, updated_at) \
                 VALUES ('T-000000', 'Born in the table', 'open', 1, '2026-01-01T10:00:00Z')";
    table.execute(first).await?;
    program.expect(0, &["migrate", "up"])?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;

    // Once while everything is created, and once more with all kinds of writes in one run.
    ensure!(program.kill_at(step, &["sync", "tasks"])?, "the first run came to its end without {step}");
    program.expect(0, &["sync", "tasks"])?;
    check_in_step(&program, None).await?;
    let ledger = Ledger::open_postgres(&database.url()).await?;
    ledger.check_settled().await?;
    let before = ledger.changes().await?;
    ensure!(before == ROWS as i64 + 1, "{before} change rows for {ROWS} items created there and one here");

    let expected = work(&program).await?;
    let killed = program.kill_at(step, &["sync", "tasks", "--confirm-deletes"])?;
    ensure!(killed, "the second run came to its end without {step}");
    program.expect(0, &["sync", "tasks", "--confirm-deletes"])?;
    check_in_step(&program, Some(&expected)).await?;
    ledger.check_settled().await?;
    let written = ledger.changes().await? - before;
    ensure!(written == WRITES, "{written} change rows for {WRITES} writes");
    Ok(())
}

/// Stopped at this step, a worker is in the middle of a transaction that holds its run's row.
#[tokio::test]
async fn a_worker_that_freezes_within_a_transaction_does_not_keep_others_out() -> Result<()> {
    let database = Database::create().await?;
    let mut program = Program::new(BINARY)?;
    program.set("DATABASE_URL", &database.url());
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), ROWS)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["migrate", "up"])?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;
    let mut command = program.command(&["sync", "tasks"]);
    let mut frozen = command.env("SYNCLINE_TEST_STOP_AT", "confirmed").stderr(Stdio::null()).spawn()?;
    let ledger = Ledger::open_postgres(&database.url()).await?;
    until("the worker holds a transaction open", async || Ok(ledger.is_held().await?.then_some(()))).await?;
    let stopped = Command::new("kill").args(["-STOP", &frozen.id().to_string()]).status()?;
    let finished = program.expect(0, &["sync", "tasks"]);
    frozen.kill()?;
    frozen.wait()?;
    ensure!(stopped.success());
    finished?;
    check_in_step(&program, None).await?;
    ledger.check_settled().await
}
