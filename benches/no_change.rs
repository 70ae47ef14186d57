//! The cost of a first sync and of a sync without changes: time, statements, memory.
//!
//! `cargo bench --bench no_change` prints some lines per size. It runs the release binary on a CSV file and a SQLite
//! table, and compares the first sync with raw inserts of the rows that it has written.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use syncline_support::{
    cost::{Cost, measure},
    places::{Table, document, write_csv},
    program::Program,
};

/// Rows of a transaction of the raw inserts, as many as the sync writes in one.
const BATCH: usize = 500;

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
        let first = sync(&program)?;
        tell(rows, "first", &first, None);
        let raw = raw_inserts(&program).await?;
        println!(
            "{rows:>8} {:<10} {:>9.2}   the first sync took {:.1} times as long",
            "raw",
            raw.as_secs_f64(),
            first.wall.as_secs_f64() / raw.as_secs_f64()
        );

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

/// Inserts the rows that a first sync has written into new files with the same tables and indexes, a row a statement and
/// a batch a transaction: what storing them costs without a sync.
async fn raw_inserts(program: &Program) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for (file, tables) in [("tasks.db", &["tasks"][..]), ("syncline.db", &["sync_metadata", "sync_changes"])]
    {
        let copy = program.path(&format!("raw-{file}"));
        let options = SqliteConnectOptions::new().filename(&copy).create_if_missing(true).foreign_keys(false);
        let options = options.pragma("journal_mode", "WAL").pragma("synchronous", "NORMAL");
        let mut connection = options.connect().await?;
        let old = format!("ATTACH '{}' AS old", program.path(file).display());
        connection.execute(AssertSqlSafe(old)).await?;
        for table in tables {
            let made = "SELECT sql FROM old.sqlite_schema WHERE tbl_name = ? AND type IN ('table', 'index') AND sql IS NOT NULL \
                        ORDER BY type DESC";
            let made: Vec<String> = sqlx::query_scalar(made).bind(table).fetch_all(&mut connection).await?;
            for sql in made {
                connection.execute(AssertSqlSafe(sql)).await?;
            }
            let ids = AssertSqlSafe(format!("SELECT rowid FROM old.{table} ORDER BY rowid"));
            let ids: Vec<i64> = sqlx::query_scalar(ids).fetch_all(&mut connection).await?;
            let insert = format!("INSERT INTO main.{table} SELECT * FROM old.{table} WHERE rowid = ?");
            let began = Instant::now();
            for batch in ids.chunks(BATCH) {
                let mut transaction = connection.begin().await?;
                for id in batch {
                    sqlx::query(AssertSqlSafe(insert.clone())).bind(id).execute(&mut *transaction).await?;
                }
                transaction.commit().await?;
            }
            took += began.elapsed();
        }
    }
    Ok(took)
}
