//! On a grown installation, no statement that the program makes reads a large table from end to end.

use anyhow::{Result, ensure};
use syncline_support::{
    http::client,
    large::{Volume, fill},
    places::{Table, document, edit_csv, write_csv},
    postgres::Database,
    program::Program,
};

use super::BINARY;

/// Enough that PostgreSQL prefers an index wherever it has one, and quick to make.
const GROWN: Volume = Volume { syncs: 20, links: 40_000, runs: 40_000, changes_per_link: 5 };

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() -> Result<()> {
    let database = Database::create().await?;
    let mut program = Program::new(BINARY)?;
    program.set("DATABASE_URL", &database.url());
    program.expect(0, &["migrate", "up"])?;
    fill(&database.url(), GROWN).await?;
    program.write("sync.yaml", &document("conflict_strategy: manual"))?;
    write_csv(&program.path("backlog.csv"), 300)?;
    let table = Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "sync.yaml"])?;
    program.expect(0, &["sync", "tasks"])?;
    // The generated runs are in no statistics yet, as after an upgrade.
    program.expect(0, &["stats", "rebuild"])?;
    database.execute("VACUUM ANALYZE").await?;
    database.note_plans().await?;

    // Everything that the program does, once more and noted.
    program.expect(0, &["sync", "tasks"])?;
    let edit = |cells: &mut Vec<String>| {
        if cells[0].as_str() <= "T-000020" {
            cells[1] = format!("{} in the file", cells[1]);
        }
        cells[0] != "T-000021"
    };
    edit_csv(&program.path("backlog.csv"), edit, &[["N-1", "New", "open", "1", ""]])?;
    table.execute("UPDATE tasks SET title = 'In the table' WHERE id <= 'T-000010'").await?;
    program.expect(1, &["plan", "tasks"])?;
    program.expect(1, &["sync", "tasks", "--confirm-deletes"])?;
    let conflicts = program.expect(0, &["--json", "conflicts", "list", "--sync", "tasks"])?.json()?;
    let id = conflicts["conflicts"][0]["id"].to_string();
    program.expect(0, &["conflicts", "resolve", &id, "--side", "source"])?;
    table.execute("UPDATE tasks SET points = 77 WHERE id = 'T-000030'").await?;
    ensure!(program.kill_at("remote_written", &["sync", "tasks"])?, "nothing was written");
    program.expect(1, &["sync", "tasks"])?;
    for arguments in [
        &["runs"][..],
        &["runs", "sync-7"],
        &["runs", "--limit", "1000"],
        &["conflicts", "list"],
        &["conflicts", "list", "--all"],
        &["conflicts", "list", "--sync", "sync-7"],
        &["stats"],
        &["stats", "rebuild"],
        &["stats", "--sync", "sync-7", "--window", "90m"],
        &["stats", "--platform", "jira", "--window", "30d"],
        &["stats", "--entity-type", "issue", "--window", "all"],
        &["apply", "sync.yaml"],
        &["enqueue", "tasks"],
        &["migrate", "status"],
        &["workers"],
        &["purge", "--dry-run"],
        &["purge", "--yes"],
    ] {
        program.expect(0, arguments)?;
    }
    let listed = program.expect(0, &["--json", "runs", "--limit", "1"])?.json()?;
    program.expect(0, &["runs", listed["runs"][0]["id"].as_str().unwrap_or_default()])?;
    let up = program.serve(&["up"])?;
    for path in ["/readyz", "/metrics", "/api/v1/sync/stats", "/api/v1/sync/stats?window=all"] {
        let answer = client().get(up.url(path)).send().await?;
        ensure!(answer.status().is_success(), "{path}: {answer:?}");
    }
    ensure!(up.terminate()? == Some(0));

    let (noted, scans) = database.scans()?;
    ensure!(noted > 200, "only {noted} plans were noted");
    let told: Vec<String> =
        scans.iter().map(|scan| format!("{:?}: {}", scan.tables, scan.statement)).collect();
    ensure!(
        scans.is_empty(),
        "{} of {noted} statements read whole tables:\n{}",
        scans.len(),
        told.join("\n\n")
    );
    Ok(())
}
