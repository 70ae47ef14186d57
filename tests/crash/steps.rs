//! Killed at each step, for each kind of write, on each connector.

use anyhow::{Result, ensure};
use rstest::rstest;
use syncline_support::{
    places::{Table, document, edit_csv, read_csv, write_csv},
    program::Program,
};

use super::{
    BINARY,
    ledger::{Ledger, check_in_step},
};

const ROWS: usize = 12;

/// What a person does, and where it must arrive.
#[derive(Debug, Clone, Copy)]
enum Work {
    Create,
    Update,
    Delete,
}

#[derive(Debug, Clone, Copy)]
enum To {
    File,
    Table,
}

/// Six items are created, edited or deleted, so that a batch of them is under way when the process dies.
async fn work(program: &Program, work: Work, to: To) -> Result<()> {
    let (file, table) = (program.path("backlog.csv"), Table::open(&program.path("tasks.db")).await?);
    let is_chosen = |id: &str| ("T-000003".."T-000009").contains(&id);
    match (work, to) {
        (Work::Create, To::Table) => {
            let new =
                ["N-1", "N-2", "N-3", "N-4", "N-5", "N-6"].map(|id| [id, "New in the file", "open", "1", ""]);
            edit_csv(&file, |_| true, &new)
        }
        (Work::Update, To::Table) => edit_csv(
            &file,
            |cells| {
                if is_chosen(&cells[0]) {
                    cells[1] = format!("{}, edited", cells[1]);
                }
                true
            },
            &[],
        ),
        (Work::Delete, To::Table) => edit_csv(&file, |cells| !is_chosen(&cells[0]), &[]),
        (Work::Create, To::File) => {
            let rows = (1..=6).map(|n| format!("('N-{n}', 'New in the table', 'open', {n}, NULL, NULL)"));
            table.execute(&format!("INSERT INTO tasks VALUES {}", rows.collect::<Vec<_>>().join(", "))).await
        }
        (Work::Update, To::File) => {
            let edit = "UPDATE tasks SET points = points + 100 WHERE id >= 'T-000003' AND id < 'T-000009'";
            table.execute(edit).await
        }
        (Work::Delete, To::File) => {
            table.execute("DELETE FROM tasks WHERE id >= 'T-000003' AND id < 'T-000009'").await
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_kill_loses_nothing_and_doubles_nothing(
    #[values(
        "intent_committed",
        "remote_written",
        "confirmed",
        "base_advanced",
        "cursor_saved",
        "acknowledged"
    )]
    step: &str,
    #[values(Work::Create, Work::Update, Work::Delete)] kind: Work,
    #[values(To::File, To::Table)] to: To,
    #[values("id: T", "id: marker")] ids: &str,
) -> Result<()> {
    let program = Program::new(BINARY)?;
    program.write("sync.yaml", &yaml(ids))?;
    write_csv(&program.path("backlog.csv"), ROWS)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;
    program.expect(0, &["sync", "tasks"])?;
    let ledger = Ledger::open(&program.path("syncline.db")).await?;
    let before = ledger.changes().await?;

    work(&program, kind, to).await?;
    let expected = match to {
        To::Table => read_csv(&program.path("backlog.csv"))?,
        To::File => Table::open(&program.path("tasks.db")).await?.read().await?,
    };
    let killed = program.kill_at(step, &["sync", "tasks", "--confirm-deletes"])?;
    ensure!(killed, "the run came to its end without {step}");

    program.expect(0, &["sync", "tasks", "--confirm-deletes"])?;
    check_in_step(&program, Some(&expected)).await?;
    ledger.check_settled().await?;
    // Six items, one field each: one row per write, whatever happened in between.
    let written = ledger.changes().await? - before;
    ensure!(written == 6, "{written} change rows for 6 writes");
    Ok(())
}

/// The key is mapped, so that an item's id is its own; or the table has a marker column beside it.
fn yaml(ids: &str) -> String {
    match ids {
        "id: marker" => document(
            "target: { url: \"sqlite://tasks.db\", table: tasks, key: id, modified: updated_at, marker: sync_marker }",
        ),
        _ => document(""),
    }
}

/// The table numbers its rows itself, so only the marker tells whether a create has happened.
#[rstest]
#[tokio::test]
async fn a_numbered_row_is_found_again_by_its_marker(
    #[values("intent_committed", "remote_written", "confirmed", "base_advanced")] step: &str,
) -> Result<()> {
    let program = Program::new(BINARY)?;
    let target = "target: { url: \"sqlite://tasks.db\", table: numbered, key: id, marker: sync_marker }";
    program.write("sync.yaml", &document(target).replace("target_field: id", "target_field: reference"))?;
    write_csv(&program.path("backlog.csv"), ROWS)?;
    let table = Table::open(&program.path("tasks.db")).await?;
    table
        .execute(
            "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, reference TEXT, title TEXT, state TEXT, \
             points INTEGER, sync_marker TEXT); \
             INSERT INTO numbered (title, state, points) VALUES ('Born in the table', 'open', 1)",
        )
        .await?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;

    ensure!(program.kill_at(step, &["sync", "tasks"])?, "the run came to its end without {step}");
    program.expect(0, &["sync", "tasks"])?;

    let titles =
        read_csv(&program.path("backlog.csv"))?.into_values().filter_map(|item| item.get("title").cloned());
    let mut titles: Vec<String> = titles.collect();
    titles.sort();
    let there = "SELECT title FROM numbered ORDER BY title";
    let there: Vec<String> = sqlx::query_scalar(there).fetch_all(&table.pool).await?;
    ensure!(titles == there && titles.len() == ROWS + 1, "file {titles:?}, table {there:?}");
    Ledger::open(&program.path("syncline.db")).await?.check_settled().await
}
