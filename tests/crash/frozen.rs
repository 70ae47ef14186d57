//! A worker that freezes for longer than its lease, and thaws after another one has finished its run.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use syncline_support::{
    places::{Table, document, read_csv, write_csv},
    program::Program,
};

use super::{
    BINARY,
    ledger::{Ledger, check_in_step, is_free},
};

const ROWS: usize = 2_000;

fn signal(name: &str, process: u32) -> Result<()> {
    ensure!(Command::new("kill").args([name, &process.to_string()]).status()?.success(), "kill {name}");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_thaws_after_its_takeover_writes_nothing_more() -> Result<()> {
    let program = Program::new(BINARY)?;
    program.write("sync.yaml", &document("batch_size: 20"))?;
    write_csv(&program.path("backlog.csv"), ROWS)?;
    let table = Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;
    let ledger = Ledger::open(&program.path("syncline.db")).await?;

    let mut frozen = program.start(&["sync", "tasks"])?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while ledger.changes().await? < 200 {
        ensure!(Instant::now() < deadline && !frozen.has_ended()?, "the first worker never got going");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    signal("-STOP", frozen.id())?;
    // Frozen in the middle of a transaction it would hold SQLite's lock, and nobody could take over; try another moment.
    while !is_free(&program.path("tasks.db")).await? || !is_free(&program.path("syncline.db")).await? {
        signal("-CONT", frozen.id())?;
        tokio::time::sleep(Duration::from_millis(7)).await;
        signal("-STOP", frozen.id())?;
    }
    ensure!(ledger.changes().await? < ROWS as i64, "the first worker was through before it froze");

    program.expect(0, &["sync", "tasks"])?;
    let (file, rows, changes) =
        (read_csv(&program.path("backlog.csv"))?, table.read().await?, ledger.changes().await?);
    signal("-CONT", frozen.id())?;
    // It notices that its run is over, and ends like any other command that waited for it.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !frozen.has_ended()? {
        ensure!(Instant::now() < deadline, "the thawed worker never ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(
        read_csv(&program.path("backlog.csv"))? == file && table.read().await? == rows,
        "it wrote to a place"
    );
    ensure!(ledger.changes().await? == changes && changes == ROWS as i64, "it wrote change rows: {changes}");
    check_in_step(&program, None).await?;
    ledger.check_settled().await
}
