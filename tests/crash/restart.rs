//! Started again on the machine where it was killed, nobody waits for the dead worker's lease.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::{
    places::{Table, document, write_csv},
    program::Program,
};

use super::{
    BINARY,
    ledger::{Ledger, check_in_step},
};

#[rstest]
#[tokio::test]
async fn a_run_goes_on_at_once_where_its_worker_died(
    #[values("intent_committed", "remote_written", "acknowledged")] step: &str,
) -> Result<()> {
    const LEASE: Duration = Duration::from_secs(600);
    let mut program = Program::new(BINARY)?;
    program.set("SYNCLINE_LEASE_MS", &LEASE.as_millis().to_string());
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), 12)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;

    ensure!(program.kill_at(step, &["sync", "tasks"])?, "the run came to its end without {step}");
    let again = Instant::now();
    program.expect(0, &["sync", "tasks"])?;
    ensure!(again.elapsed() < LEASE / 2, "it waited for the lease");
    check_in_step(&program, None).await?;
    let ledger = Ledger::open(&program.path("syncline.db")).await?;
    ledger.check_settled().await?;
    ensure!(ledger.changes().await? == 12, "one change row per item");
    Ok(())
}
