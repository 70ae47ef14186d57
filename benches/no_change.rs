//! What a sync costs that finds nothing to do, and what a first one costs: time, statements, memory.
//!
//! `cargo bench --bench no_change` prints one line per size. It runs the release binary on a CSV file and a SQLite table.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use syncline_support::{
    places::{Table, document, write_csv},
    program::Program,
};

/// What one run of the program took.
#[derive(Debug, Default)]
struct Cost {
    wall: Duration,
    user: f64,
    system: f64,
    peak_kib: u64,
}

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
        tell(rows, "first", &measure(&program)?, None);

        let (before, version) =
            (fs::metadata(program.path("backlog.csv"))?.modified()?, table.data_version().await?);
        let mut costs = (0..5).map(|_| measure(&program)).collect::<Result<Vec<Cost>>>()?;
        // The allocator keeps an arena per thread, and which thread a page falls to is chance: the median run.
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

/// Runs the sync under the shell's `time`, and watches its memory.
fn measure(program: &Program) -> Result<Cost> {
    let script = "TIMEFORMAT='%U %S'; time \"$0\" sync tasks > /dev/null";
    let binary = env!("CARGO_BIN_EXE_syncline");
    let mut command = program.shell(&["-c", script, binary]);
    let began = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let shell = child.id();
    let waiting = std::thread::spawn(move || child.wait_with_output());
    let mut cost = Cost::default();
    while !waiting.is_finished() {
        cost.peak_kib = cost.peak_kib.max(peak_of_child(shell).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    cost.wall = began.elapsed();
    let output = waiting.join().map_err(|_| anyhow::anyhow!("the waiting thread panicked"))??;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "the sync failed: {text}");
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    cost.user = numbers.next().context("user time")?;
    cost.system = numbers.next().context("system time")?;
    Ok(cost)
}

/// The high water of the shell's child, from the kernel's own books.
fn peak_of_child(shell: u32) -> Option<u64> {
    let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
    let child = children.split_whitespace().next()?;
    let status = fs::read_to_string(Path::new("/proc").join(child).join("status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Statements on Syncline's own database, as the driver logs them.
fn statements(program: &Program) -> Result<usize> {
    let mut command: Command = program.command(&["sync", "tasks"]);
    let output = command.env("RUST_LOG", "sqlx=info").output()?;
    Ok(String::from_utf8_lossy(&output.stderr).matches("db.statement").count())
}
