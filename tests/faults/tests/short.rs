//! The short form of the fault campaign: every scenario, three seeds, each on another store.

use std::process::{Command, Stdio};

#[test]
fn nothing_is_lost_and_nothing_runs_twice_but_for_a_fault() -> std::io::Result<()> {
    let campaign = Command::new(env!("CARGO_BIN_EXE_syncline-faults"))
        .args(["--short", "--spread", "--beside", "6", "--seed", "1", "--seed", "2", "--seed", "3"])
        .stdin(Stdio::null())
        .output()?;
    let (lines, words) =
        (String::from_utf8_lossy(&campaign.stdout), String::from_utf8_lossy(&campaign.stderr));
    assert!(campaign.status.success(), "{lines}\n{words}");
    // A campaign that tried nothing would pass as well.
    assert!(lines.lines().filter(|line| line.contains("pass")).count() > 50, "{lines}");
    Ok(())
}
