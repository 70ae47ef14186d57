//! The cost of a first sync and of a sync without changes: time, statements, memory.
//!
//! `cargo bench --bench no_change` prints one line per size. It runs the release binary on a CSV file and a SQLite
//! table.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{fs, process::Command};

use anyhow::{Result, ensure};
use syncline_support::{
    cost::{Cost, measure},
    places::{Table, document, write_csv},
    program::Program,
};

#[tokio::main]
async fn main() -> Result<()> {
    println!(
        "{:>8} {:<10} {:>9} {:>9} {:>11} {:>10} {:>11}",
        "rows", "run", "wall s", "user+sys", "peak MiB", "items/s", "statements"
    );
    let mut peaks = Vec::new();
    for rows in [10_000, 100_000] {
        let program = Program::new(env!("CARGO_BIN_EXE_syncline"))?;
        program.write("sync.yaml", &document(""))?;
        write_csv(&program.path("backlog.csv"), rows)?;
        let table = Table::open(&program.path("tasks.db")).await?;
        program.expect(0, &["apply", "-f", "sync.yaml"])?;
        tell(rows, "first", &sync(&program)?, None);

        let (before, version) =
            (fs::metadata(program.path("backlog.csv"))?.modified()?, table.data_version().await?);
        let mut costs = (0..5).map(|_| sync(&program)).collect::<Result<Vec<Cost>>>()?;
        // The allocator has an arena per thread, so peaks vary by chance: take the median run.
        costs.sort_by_key(|cost| cost.peak_kib);
        let median = costs.swap_remove(costs.len() / 2);
        ensure!(fs::metadata(program.path("backlog.csv"))?.modified()? == before, "the file was written");
        ensure!(table.data_version().await? == version, "the table was written");
        tell(rows, "no change", &median, Some(statements(&program)?));
        peaks.push(median.peak_kib as f64);
    }
    println!("peak memory of 100,000 rows over 10,000: {:.2}", peaks[1] / peaks[0]);
    Ok(())
}

fn tell(rows: usize, run: &str, cost: &Cost, statements: Option<usize>) {
    println!(
        "{rows:>8} {run:<10} {:>9.2} {:>9.2} {:>11.1} {:>10.0} {:>11}",
        cost.wall.as_secs_f64(),
        cost.user + cost.system,
        cost.peak_kib as f64 / 1024.0,
        rows as f64 / cost.wall.as_secs_f64(),
        statements.map(|count| count.to_string()).unwrap_or_default(),
    );
}

fn sync(program: &Program) -> Result<Cost> {
    measure(program, env!("CARGO_BIN_EXE_syncline"), &["sync", "tasks"])
}

/// Counts the statements on Syncline's own database in the driver's log.
fn statements(program: &Program) -> Result<usize> {
    let mut command: Command = program.command(&["sync", "tasks"]);
    let output = command.env("RUST_LOG", "sqlx=info").output()?;
    Ok(String::from_utf8_lossy(&output.stderr).matches("db.statement").count())
}
