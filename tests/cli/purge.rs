//! `syncline purge`: what it says, what it removes, and what it refuses.

use anyhow::{Result, ensure};
use serde_json::Value;
use syncline_support::places::edit_csv;

use super::common::{Places, program};

fn of<'a>(report: &'a Value, kind: &str) -> &'a Value {
    let rows = report["kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().find(|row| row["kind"] == kind).unwrap_or(&Value::Null)
}

fn removed(report: &Value, kind: &str) -> i64 {
    of(report, kind)["removed"].as_i64().unwrap_or(-1)
}

#[tokio::test]
async fn a_dry_run_says_what_the_purge_then_does() -> Result<()> {
    let places = Places::in_step(30, "").await?;
    for round in 0..2 {
        let edit = |cells: &mut Vec<String>| {
            cells[1] = format!("Edited {round}");
            true
        };
        edit_csv(&places.file, edit, &[])?;
        places.sync(0, &[])?;
    }
    let limits = ["--json", "purge", "--keep-changes", "0s", "--keep-runs", "0s"];
    let dry = places.program.expect(0, &[&limits[..], &["--dry-run"]].concat())?.json()?;
    ensure!(dry["dry_run"] == true && dry["complete"] == true, "{dry}");
    ensure!(removed(&dry, "changes") == 60 && removed(&dry, "runs") == 2, "{dry}");
    ensure!(of(&dry, "changes")["kept"]["newest_of_link"] == 30, "{dry}");
    ensure!(of(&dry, "runs")["kept"]["newest_of_sync"] == 1, "{dry}");
    let refused = places.program.expect(2, &limits[1..])?;
    ensure!(
        refused.stderr.contains("removes 62 rows for good; nothing was done")
            && refused.stderr.contains("--yes")
    );
    let limits = [&limits[..], &["--yes"]].concat();
    let real = places.program.expect(0, &limits)?.json()?;
    ensure!(real["dry_run"] == false && real["kinds"] == dry["kinds"], "{real}");

    // The next sync finds everything in step, and nothing more to purge but what it adds.
    let run = places.sync(0, &[])?;
    ensure!(run["updated"] == 0 && run["created"] == 0, "{run}");
    let again = places.program.expect(0, &limits)?.json()?;
    ensure!(removed(&again, "changes") == 0 && removed(&again, "runs") == 1, "{again}");
    Ok(())
}

#[tokio::test]
async fn people_read_what_stays_and_why() -> Result<()> {
    let places = Places::in_step(3, "").await?;
    let limits = ["purge", "--keep-changes", "0s", "--keep-runs", "0s", "--dry-run"];
    let told = places.program.expect(0, &limits)?.stdout;
    for words in ["would go", "3 end of their item's chain", "1 newest of their sync", "Nothing was removed"]
    {
        ensure!(told.contains(words), "{words:?} is missing:\n{told}");
    }
    Ok(())
}

#[test]
fn a_wrong_limit_is_refused_before_anything_is_touched() -> Result<()> {
    let mut program = program()?;
    let told = program.expect(2, &["purge", "--keep-runs", "soon"])?.stderr;
    ensure!(told.contains("--keep-runs \"soon\"") && told.contains("such as 90d; or forever"), "{told}");
    program.set("SYNCLINE_KEEP_CHANGES_COUNT", "0");
    for command in ["purge", "worker", "up"] {
        let told = program.expect(2, &[command])?.stderr;
        ensure!(told.contains("SYNCLINE_KEEP_CHANGES_COUNT \"0\"") && told.contains("or all"), "{told}");
    }
    Ok(())
}
