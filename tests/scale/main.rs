//! Ten thousand rows on both sides, edited everywhere.

mod plans;

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::{
    places::{Items, Table, document, edit_csv, read_csv, write_csv},
    program::Program,
};

const BINARY: &str = env!("CARGO_BIN_EXE_syncline");
const ROWS: usize = 10_000;

async fn first_sync(more: &str) -> Result<(Program, Table)> {
    let mut program = Program::new(BINARY)?;
    // Nothing crashes here, so leases are long enough for a machine that is busy.
    program.set("SYNCLINE_LEASE_MS", "30000");
    program.write("sync.yaml", &document(more))?;
    write_csv(&program.path("backlog.csv"), ROWS)?;
    let table = Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;
    program.expect(0, &["sync", "tasks"])?;
    ensure!(
        table.read().await? == read_csv(&program.path("backlog.csv"))?,
        "the first sync left differences"
    );
    Ok((program, table))
}

fn number(id: &str) -> usize {
    id.trim_start_matches("T-").parse().unwrap_or(0)
}

/// Edits on either side, additions and deletes on either side, and every hundredth row edited on both.
async fn work_on_both_sides(program: &Program, table: &Table) -> Result<()> {
    let edit = |cells: &mut Vec<String>| {
        match number(&cells[0]) % 100 {
            0 => cells[1] = "From the file".to_owned(),
            1..=9 => cells[1] += ", edited",
            10 => return false,
            _ => {}
        }
        true
    };
    let new: Vec<[String; 5]> = (0..100)
        .map(|n| {
            [
                format!("F-{n}"),
                format!("New in the file {n}"),
                "open".to_owned(),
                "1".to_owned(),
                String::new(),
            ]
        })
        .collect();
    let new: Vec<[&str; 5]> = new.iter().map(|row| row.each_ref().map(String::as_str)).collect();
    edit_csv(&program.path("backlog.csv"), edit, &new)?;
    let numbered = "CAST(substr(id, 3) AS INTEGER) % 100";
    let mut sql = format!(
        "BEGIN; UPDATE tasks SET title = 'From the table', updated_at = '2026-01-01 00:00:00' WHERE {numbered} = 0; \
         UPDATE tasks SET points = 99, state = 'closed' WHERE {numbered} BETWEEN 20 AND 29; \
         UPDATE tasks SET points = 77 WHERE {numbered} BETWEEN 5 AND 9; DELETE FROM tasks WHERE {numbered} = 30;"
    );
    for n in 0..100 {
        sql += &format!(
            "INSERT INTO tasks (id, title, state, points) VALUES ('S-{n}', 'New in the table {n}', 'open', 2);"
        );
    }
    table.execute(&(sql + "COMMIT;")).await
}

/// What the strategy makes of the rows that both sides edited is given; the rest is the same under each.
fn check(items: &Items, contested: &str) -> Result<()> {
    ensure!(items.len() == ROWS, "{} items", items.len());
    for (id, item) in items {
        let title = item.get("title").map(String::as_str).unwrap_or_default();
        let points = item.get("points").map(String::as_str).unwrap_or_default();
        match (id.starts_with("T-"), number(id) % 100) {
            (true, 0) => ensure!(title == contested, "{id}: {title}"),
            (true, edited @ 1..=9) => {
                ensure!(title.ends_with(", edited"), "{id}: {title}");
                ensure!((edited >= 5) == (points == "77"), "{id}: {points}");
            }
            (true, 10 | 30) => ensure!(false, "{id} was deleted"),
            (true, 20..=29) => ensure!(points == "99", "{id}: {points}"),
            _ => {}
        }
    }
    Ok(())
}

#[rstest]
// The file says of no row when it was edited, so its edits count as first seen now: later than the table's.
#[case::last_write_wins("last_write_wins", "From the file")]
#[case::source_wins("source_wins", "From the file")]
#[case::target_wins("target_wins", "From the table")]
#[tokio::test]
async fn ten_thousand_rows_end_key_by_key_equal(
    #[case] strategy: &str,
    #[case] contested: &str,
) -> Result<()> {
    let (program, table) = first_sync(&format!("conflict_strategy: {strategy}")).await?;
    work_on_both_sides(&program, &table).await?;
    program.expect(0, &["sync", "tasks", "--confirm-deletes"])?;
    let (file, table) = (read_csv(&program.path("backlog.csv"))?, table.read().await?);
    ensure!(file == table, "the places differ");
    check(&file, contested)
}

#[tokio::test]
async fn conflicts_for_a_person_wait_and_everything_else_goes_on() -> Result<()> {
    let (program, table) = first_sync("conflict_strategy: manual").await?;
    work_on_both_sides(&program, &table).await?;
    program.expect(1, &["sync", "tasks", "--confirm-deletes"])?;
    check(&read_csv(&program.path("backlog.csv"))?, "From the file")?;
    check(&table.read().await?, "From the table")?;
    let listed = program.expect(0, &["conflicts", "list", "--limit", "1000", "--json"])?.json()?;
    let conflicts = listed["conflicts"].as_array().map_or(0, Vec::len);
    ensure!(conflicts == ROWS / 100, "{conflicts} conflicts");
    let id = listed["conflicts"][0]["id"].to_string();
    program.expect(0, &["conflicts", "resolve", &id, "--side", "target"])?;
    let item = listed["conflicts"][0]["entity_id"].as_str().unwrap_or_default().to_owned();
    let title = read_csv(&program.path("backlog.csv"))?[&item]["title"].clone();
    ensure!(title == "From the table", "{item}: {title}");
    Ok(())
}

#[tokio::test]
async fn a_sync_without_news_writes_nothing_and_asks_little() -> Result<()> {
    let (program, table) = first_sync("").await?;
    let file = program.path("backlog.csv");
    let (modified, version) = (std::fs::metadata(&file)?.modified()?, table.data_version().await?);
    let mut command = program.command(&["sync", "tasks"]);
    let output = command.env("RUST_LOG", "sqlx=info").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(std::fs::metadata(&file)?.modified()? == modified, "the file was written");
    ensure!(table.data_version().await? == version, "the table was written");
    // The whole command, start and end included, without what repeats with time on a busy machine: the command looks
    // once a second whether its run has ended, and a worker looks for lost jobs.
    let log = String::from_utf8_lossy(&output.stderr);
    let repeats =
        |line: &&str| line.contains("SELECT \\\"sync_history\\\"") || line.contains("UPDATE jobs SET state");
    let statements =
        log.lines().filter(|line| line.contains("db.statement")).filter(|line| !repeats(line)).count();
    let allowed = 2 * ROWS / 500 + 24;
    ensure!(statements > 10 && statements <= allowed, "{statements} statements where {allowed} are allowed");
    Ok(())
}
