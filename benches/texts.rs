//! The cost of a first sync of 50,000 rows with Unicode and multi-line cells, on SQLite and on PostgreSQL, and the
//! memory for wide rows.
//!
//! `cargo bench --bench texts` runs the release binary. With `SYNCLINE_BEFORE=FILE` an older binary runs in turns with
//! it, and the last column is the ratio of the medians.

#![allow(clippy::print_stdout, reason = "its table is its purpose")]

use std::{fmt::Write, fs};

use anyhow::Result;
use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
use syncline_support::{
    cost::{Cost, measure},
    postgres::Database,
    program::Program,
};

const ROUNDS: usize = 5;
const ROWS: usize = 50_000;
const WIDE_ROWS: usize = 1_500;
const WIDE_COLUMNS: usize = 400;

#[derive(Debug, Clone, Copy)]
enum Case {
    Sqlite,
    Postgres,
    Wide,
}

#[tokio::main]
async fn main() -> Result<()> {
    let before = std::env::var("SYNCLINE_BEFORE").ok();
    println!(
        "{:<10} {:<7} {:>8} {:>9} {:>9}  {:>6}",
        "case", "binary", "wall s", "user+sys", "peak MiB", "ratio"
    );
    for case in [Case::Sqlite, Case::Postgres, Case::Wide] {
        let (mut now, mut then) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            if let Some(binary) = &before {
                then.push(first_sync(case, binary).await?);
            }
            now.push(first_sync(case, env!("CARGO_BIN_EXE_syncline")).await?);
        }
        let now = median(now);
        if !then.is_empty() {
            let then = median(then);
            tell(case, "before", &then, None);
            tell(case, "now", &now, Some(now.wall.as_secs_f64() / then.wall.as_secs_f64()));
        } else {
            tell(case, "now", &now, None);
        }
    }
    Ok(())
}

fn tell(case: Case, binary: &str, cost: &Cost, ratio: Option<f64>) {
    println!(
        "{:<10} {binary:<7} {:>8.2} {:>9.2} {:>9.1}  {:>6}",
        format!("{case:?}").to_lowercase(),
        cost.wall.as_secs_f64(),
        cost.user + cost.system,
        cost.peak_kib as f64 / 1024.0,
        ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
    );
}

/// The run with the median wall time, with the median of the peaks.
fn median(mut costs: Vec<Cost>) -> Cost {
    let middle = costs.len() / 2;
    costs.sort_by_key(|cost| cost.peak_kib);
    let peak_kib = costs[middle].peak_kib;
    costs.sort_by_key(|cost| cost.wall);
    Cost { peak_kib, ..costs.swap_remove(middle) }
}

async fn first_sync(case: Case, binary: &str) -> Result<Cost> {
    let program = Program::new(binary)?;
    let columns: Vec<String> = match case {
        Case::Wide => (0..WIDE_COLUMNS).map(|column| format!("c{column}")).collect(),
        _ => vec!["title".to_owned(), "note".to_owned(), "points".to_owned()],
    };
    fs::write(program.path("backlog.csv"), if let Case::Wide = case { wide() } else { texts() })?;
    let mut table = "CREATE TABLE tasks (id text PRIMARY KEY".to_owned();
    columns.iter().try_for_each(|column| write!(table, ", {column} text"))?;
    table.push(')');
    let database = if let Case::Postgres = case { Some(Database::create().await?) } else { None };
    let url = match &database {
        Some(database) => {
            database.execute(&table).await?;
            database.url()
        }
        None => {
            let file = program.path("tasks.db");
            let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
            let mut connection = options.connect().await?;
            connection.execute(sqlx::AssertSqlSafe(table)).await?;
            connection.close().await?;
            format!("sqlite://{}", file.display())
        }
    };
    let mut document = format!(
        "name: tasks\nsource_platform: csv\nsource: {{ path: backlog.csv, key: id }}\ntarget_platform: sql\n\
         target: {{ url: {url:?}, table: tasks, key: id }}\nfield_mappings:\n  - {{ source_field: id, target_field: id }}\n"
    );
    for column in &columns {
        writeln!(document, "  - {{ source_field: {column}, target_field: {column} }}")?;
    }
    program.write("sync.yaml", &document)?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;
    measure(&program, binary, &["sync", "tasks"])
}

/// Rows with text in several scripts, with line breaks, quotes and delimiters.
fn texts() -> String {
    let mut text = "id,title,note,points\n".to_owned();
    for row in 0..ROWS {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "T-{row},Überprüfung №{row} — 確認済み ✓,\"first line {row}\nsecond, with \"\"quotes\"\" and ünïcödé 🙂\",{}.50",
            row % 100
        );
    }
    text
}

fn wide() -> String {
    let mut text = "id".to_owned();
    (0..WIDE_COLUMNS).for_each(|column| text.push_str(&format!(",c{column}")));
    text.push('\n');
    for row in 0..WIDE_ROWS {
        text.push_str(&format!("P-{row}"));
        (0..WIDE_COLUMNS).for_each(|column| text.push_str(&format!(",value {column}")));
        text.push('\n');
    }
    text
}
