//! Commands and HTTP requests on a large installation.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use syncline_support::{
    places::{Table, document, edit_csv, write_csv},
    postgres::Database,
    program::Program,
};

/// Repetitions of each command or request.
const TIMES: usize = 200;

/// Measures lists and statistics: as HTTP requests, and as commands if there is no route yet.
pub(crate) async fn lists(program: &Program) -> Result<()> {
    println!("{:<58} {:>8} {:>8} {:>8}", "asked", "p50 ms", "p99 ms", "max ms");
    let api = program.serve(&["api"])?;
    let client = syncline_support::http::client();
    for path in [
        "/api/v1/sync/stats",
        "/api/v1/sync/stats?window=90m",
        "/api/v1/sync/stats?window=24h",
        "/api/v1/sync/stats?window=30d",
        "/api/v1/sync/stats?window=all",
        "/api/v1/sync/stats?sync=sync-7",
        "/api/v1/sync/stats?platform=jira",
        "/api/v1/sync/stats?entity_type=issue",
        "/metrics",
        "/readyz",
    ] {
        let mut took = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let began = Instant::now();
            let answer = client.get(api.url(path)).send().await?;
            ensure!(answer.status().is_success(), "{path}: {answer:?}");
            answer.bytes().await?;
            took.push(began.elapsed());
        }
        tell(path, took);
    }
    ensure!(api.terminate()? == Some(0), "the API did not end well");
    for arguments in [
        &["--version"][..],
        &["runs"],
        &["runs", "sync-7"],
        &["conflicts", "list"],
        &["conflicts", "list", "--sync", "sync-7"],
        &["conflicts", "list", "--all"],
        &["stats"],
    ] {
        let mut took = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            let began = Instant::now();
            program.expect(0, arguments)?;
            took.push(began.elapsed());
        }
        tell(&format!("syncline {}", arguments.join(" ")), took);
    }
    println!();
    Ok(())
}

fn tell(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |place: usize| took.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!(
        "{what:<58} {:>8.1} {:>8.1} {:>8.1}",
        at(took.len() / 2),
        at(took.len() * 99 / 100),
        at(took.len() - 1)
    );
}

/// Adds a sync to the others, runs the usual commands, and prints the plans of PostgreSQL that scan a large table.
pub(crate) async fn plans(program: &Program, database: &Database) -> Result<()> {
    program.write("sync.yaml", &document("conflict_strategy: manual"))?;
    write_csv(&program.path("backlog.csv"), 1_000)?;
    let table = Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "sync.yaml"])?;
    database.note_plans().await?;
    program.expect(0, &["sync", "tasks"])?;
    let edit = |cells: &mut Vec<String>| {
        cells[1] += ", edited";
        true
    };
    edit_csv(&program.path("backlog.csv"), edit, &[["N-1", "New", "open", "1", ""]])?;
    table.execute("UPDATE tasks SET title = 'In the table' WHERE id <= 'T-000010'").await?;
    program.expect(1, &["sync", "tasks"])?;
    for arguments in [
        &["runs"][..],
        &["runs", "sync-7"],
        &["conflicts", "list"],
        &["conflicts", "list", "--sync", "tasks"],
        &["stats"],
    ] {
        program.expect(0, arguments)?;
    }
    program.expect(0, &["purge", "--dry-run"])?;
    // Logging plans slows down every statement.
    database.note_no_plans().await?;
    let (noted, scans) = database.scans()?;
    println!("{noted} statements noted, {} of them read a large table from end to end", scans.len());
    for scan in scans {
        println!("  {:?}: {}", scan.tables, scan.statement);
    }
    println!();
    Ok(())
}
