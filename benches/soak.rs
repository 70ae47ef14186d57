//! Checks that a long-running process keeps its memory and its schedules: 500 syncs every five seconds in one `up` on
//! SQLite, 100,000 runs, once with `/metrics` never read and once with it read each minute.
//!
//! `cargo bench --bench soak` takes about 35 minutes; `SOAK_RUNS` asks for fewer runs. It fails if memory after a fifth
//! of the runs and at the end differ by more than 4 MiB, or if a tick came more than three seconds late.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{
    fmt::Write,
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{ConnectOptions, Connection, Executor, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline_support::{http::client, program::Program, serving::Serving};

const SYNCS: usize = 500;
const SECONDS: u32 = 5;
const RUNS: u64 = 100_000;
/// The largest difference of memory, in KiB, between a fifth of the runs and the end.
const MOST_KIB: u64 = 4 * 1024;
/// The largest delay of a tick.
const LATEST: Duration = Duration::from_secs(3);
const READ_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metrics {
    NeverRead,
    ReadEachMinute,
}

#[tokio::main]
async fn main() -> Result<()> {
    let runs = std::env::var("SOAK_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS);
    println!(
        "{:<16} {:>8} {:>9} {:>9} {:>11} {:>9}",
        "metrics", "runs", "seconds", "MiB", "latest tick", "runs/s"
    );
    for metrics in [Metrics::NeverRead, Metrics::ReadEachMinute] {
        soak(metrics, runs).await?;
    }
    Ok(())
}

async fn soak(metrics: Metrics, runs: u64) -> Result<()> {
    let mut program = Program::new(env!("CARGO_BIN_EXE_syncline"))?;
    program.set("SYNCLINE_LEASE_MS", "30000");
    prepare(&program).await?;
    let serving = program.serve(&["up"])?;
    let began = Instant::now();
    let mut db = open(&program, "syncline.db").await?;
    let (mut read, mut early) = (Instant::now(), None);
    let last = loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if metrics == Metrics::ReadEachMinute && read.elapsed() >= READ_EVERY {
            read = Instant::now();
            let text = client().get(serving.url("/metrics")).send().await?.text().await?;
            ensure!(text.contains("sync_runs_total"), "/metrics has no count of runs");
        }
        let (done, failed, late) = progress(&mut db).await?;
        ensure!(failed == 0, "{failed} runs failed");
        ensure!(late <= LATEST, "a tick came {late:?} late, after {done} runs");
        if early.is_none() && done >= runs / 5 {
            early = Some(memory(&serving)?);
            tell(metrics, done, began, memory(&serving)?, late);
        }
        if done >= runs {
            let kib = memory(&serving)?;
            tell(metrics, done, began, kib, late);
            break kib;
        }
    };
    let early = early.context("a fifth of the runs came before the end")?;
    ensure!(
        early.abs_diff(last) <= MOST_KIB,
        "memory went from {early} KiB after a fifth of the runs to {last} KiB at the end"
    );
    ensure!(serving.terminate()? == Some(0), "up did not end in good order");
    Ok(())
}

fn tell(metrics: Metrics, done: u64, began: Instant, kib: u64, late: Duration) {
    let seconds = began.elapsed().as_secs_f64();
    let name = match metrics {
        Metrics::NeverRead => "never read",
        Metrics::ReadEachMinute => "read each minute",
    };
    println!(
        "{name:<16} {done:>8} {seconds:>9.0} {:>9.1} {:>11.2} {:>9.1}",
        kib as f64 / 1024.0,
        late.as_secs_f64(),
        done as f64 / seconds
    );
}

/// Creates a file and a table per sync, each with one row.
async fn prepare(program: &Program) -> Result<()> {
    let mut target = open(program, "target.db").await?;
    let mut documents = String::new();
    for sync in 0..SYNCS {
        let table = format!("CREATE TABLE t{sync} (id TEXT PRIMARY KEY, title TEXT, changed_at TEXT)");
        target.execute(sqlx::AssertSqlSafe(table)).await?;
        program.write(&format!("s{sync}.csv"), &format!("id,title\n{sync},one\n"))?;
        write!(
            documents,
            "---\nname: s{sync}\nsource_platform: csv\nsource: {{ path: s{sync}.csv, key: id }}\n\
             target_platform: sql\ntarget: {{ url: sqlite://target.db, table: t{sync}, key: id, modified: changed_at }}\n\
             sync_interval: {SECONDS}\nfield_mappings:\n  - {{ source_field: title, target_field: title }}\n"
        )?;
    }
    target.close().await?;
    program.write("syncs.yaml", &documents)?;
    program.expect(0, &["apply", "-f", "syncs.yaml"])?;
    Ok(())
}

async fn open(program: &Program, name: &str) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(program.path(name))
        .create_if_missing(true)
        .busy_timeout(Duration::from_secs(10));
    Ok(options.connect().await?)
}

/// Counts successful and failed runs, and the largest delay of a tick among the last 3,000 runs.
async fn progress(db: &mut SqliteConnection) -> Result<(u64, u64, Duration)> {
    let counts = "SELECT COUNT(*) FILTER (WHERE success), COUNT(*) FILTER (WHERE NOT success) FROM sync_history \
                  WHERE completed_at IS NOT NULL";
    let row = db.fetch_one(counts).await?;
    let (done, failed): (i64, i64) = (row.get(0), row.get(1));
    let late = "SELECT COALESCE(MAX((julianday(queued_at) - julianday(tick_at)) * 86400.0), 0.0) FROM \
                (SELECT queued_at, tick_at FROM sync_history ORDER BY id DESC LIMIT 3000)";
    let late: f64 = db.fetch_one(late).await?.get(0);
    Ok((done.unsigned_abs(), failed.unsigned_abs(), Duration::from_secs_f64(late.max(0.0))))
}

/// Resident memory, in KiB.
fn memory(serving: &Serving) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", serving.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a line VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
