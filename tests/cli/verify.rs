//! `syncline verify`: the audit trail stays whole, and a broken one is named.

use anyhow::{Result, ensure};
use rstest::rstest;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::common::{Own, Places, ensure_tells, number};

/// The table, which refuses some states, is the source here.
const TABLE_FIRST: &str = r#"source_platform: sql
source: { url: "sqlite://tasks.db", table: tasks, key: id, modified: updated_at }
target_platform: csv
target: { path: backlog.csv, key: id }"#;

#[rstest]
#[tokio::test]
async fn a_merge_whose_source_write_is_refused_leaves_a_whole_chain(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, 3, TABLE_FIRST).await?;
    for title in ["First", "Second"] {
        let edit = format!("UPDATE tasks SET title = '{title}' WHERE id = 'T-000001'");
        places.table.execute(&edit).await?;
        places.edit("T-000001", "state", "half-open")?;
        places.sync(1, &[])?;
        ensure!(places.both("T-000001", "title").await?[0].as_deref() == Some(title), "the other half");
    }
    let found = places.program.expect(0, &["--json", "verify", "--sync", "tasks"])?.json()?;
    ensure!(found["broken"] == serde_json::json!([]) && number(&found, "changes")? >= 2, "{found}");
    places.edit("T-000001", "state", "open")?;
    places.sync(0, &[])?;
    places.program.expect(0, &["verify"])?;
    Ok(())
}

/// It stays on record with its reason, and nothing takes it for a change.
#[rstest]
#[tokio::test]
async fn a_refused_write_is_shown_as_not_written(
    #[values(Own::Sqlite, Own::Postgres)] own: Own,
) -> Result<()> {
    let places = Places::in_step_on(own, 3, "").await?;
    let trigger = "CREATE TRIGGER closed BEFORE UPDATE ON tasks WHEN NEW.title = 'Refused' \
                   BEGIN SELECT RAISE(ABORT, 'closed for the holidays'); END";
    places.table.execute(trigger).await?;
    places.edit("T-000001", "title", "Refused")?;
    let run = places.sync(1, &[])?;
    let id = run["id"].as_str().unwrap_or_default();
    let shown = places.program.expect(0, &["--json", "runs", id])?.json()?;
    ensure!(shown["changes"] == serde_json::json!([]) && number(&shown, "changes_total")? == 0, "{shown}");
    let refused = &shown["not_written"][0];
    ensure!(refused["state"] == "not_written" && refused["after"] == "Refused", "{shown}");
    ensure!(refused["reason"].as_str().is_some_and(|reason| reason.contains("holidays")), "{shown}");
    let told = places.program.expect(0, &["runs", id])?;
    ensure_tells(&told.stdout, &["tried and not written", "not written: ", "closed for the holidays"])?;
    ensure!(!told.stdout.contains("changes\n"), "{}", told.stdout);
    places.edit("T-000001", "title", "Accepted")?;
    places.sync(0, &[])?;
    let history = places.program.expect(0, &["--json", "history", "T-000001"])?.json()?;
    let titles = |key: &str| -> Vec<String> {
        let rows = history[key].as_array().cloned().unwrap_or_default();
        rows.iter().filter(|row| row["field"] == "title").map(|row| row["after"].to_string()).collect()
    };
    ensure!(titles("changes") == ["\"Accepted\""], "{history}");
    ensure!(titles("not_written").iter().all(|title| title == "\"Refused\""), "{history}");
    ensure!(!titles("not_written").is_empty(), "{history}");
    let told = places.program.expect(0, &["history", "T-000001"])?;
    ensure_tells(&told.stdout, &["not written: ", "closed for the holidays", "confirmed"])?;
    places.program.expect(0, &["verify"])?;
    Ok(())
}

#[tokio::test]
async fn a_chain_that_lacks_a_change_is_named_by_its_item() -> Result<()> {
    let places = Places::in_step(3, "").await?;
    for title in ["First", "Second", "Third"] {
        places.edit("T-000002", "title", title)?;
        places.sync(0, &[])?;
    }
    places.program.expect(0, &["verify"])?;
    let own = SqliteConnectOptions::new().filename(places.program.path("syncline.db"));
    let mut own = SqliteConnection::connect_with(&own).await?;
    let cut = "DELETE FROM sync_changes WHERE seq = 2 AND link_id = \
               (SELECT id FROM sync_metadata WHERE entity_id = 'T-000002')";
    ensure!(sqlx::query(cut).execute(&mut own).await?.rows_affected() == 1);
    let told = places.program.expect(1, &["verify"])?;
    ensure_tells(&told.stdout, &["sync tasks", "item T-000002", "missing", "1 broken"])?;
    let found = places.program.expect(1, &["--json", "verify", "--sync", "tasks"])?.json()?;
    ensure!(found["broken"][0]["item"] == "T-000002", "{found}");
    Ok(())
}
