//! An older installation after years of use.

use std::time::Instant;

use rstest::rstest;

use super::{Loose, Older, Texts, Typed, older};
use crate::schema;
use crate::support::{On, TestDatabase};

/// `count` rows, a fifth of them of an entity that another row has too, half of them with a target that another claims,
/// and half as many links, of which four in five have a matching row.
async fn years(kind: Older, count: u32) -> TestDatabase {
    let test = older(kind, &[]).await;
    let numbers = |count| {
        format!(
            "WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < {count}) "
        )
    };
    let clock = "'2024-0' || (1 + i % 9) || '-1' || (i % 10) || ' 10:00:' || (10 + i % 50)";
    let (time, conflicts) = match kind {
        Typed => (
            format!("CAST({clock} AS timestamp)"),
            "CASE i % 3 WHEN 0 THEN CAST('[{\"field\":\"title\",\"n\":' || i || '}]' AS jsonb) END",
        ),
        Loose | Texts => (
            format!(
                "CASE i % 4 WHEN 0 THEN {clock} WHEN 1 THEN {clock} || '.123456789Z' \
                 WHEN 2 THEN replace({clock}, ' ', 'T') || '+05:30' ELSE CAST(1704067200 + i AS text) END"
            ),
            "CASE i % 3 WHEN 0 THEN '[{\"field\":\"title\",\"n\":' || i || '}]' WHEN 1 THEN '{\"broken' || i END",
        ),
    };
    let (entities, half) = (count / 5 * 4, count / 2);
    test.run(&format!(
        "INSERT INTO sync_states (entity_type, entity_id, jira_id, sync_status, last_sync_local, last_sync_remote, \
         content_hash, conflicts, resolution_strategy, sync_duration_ms, api_calls_count, created_at, updated_at) \
         {} SELECT CASE i % 50 WHEN 7 THEN NULL ELSE 'issue' END, \
         CASE WHEN i % 97 = 0 THEN NULL ELSE 'E-' || (1 + i % {entities}) END, \
         CASE i % 11 WHEN 0 THEN NULL ELSE 'PROJ-' || (i / 2) END, \
         CASE i % 5 WHEN 0 THEN 'synced' WHEN 1 THEN 'completed' WHEN 2 THEN 'error' WHEN 3 THEN 'Conflict' END, \
         {time}, CASE i % 3 WHEN 0 THEN {time} END, 'hash of 😀 ' || i, {conflicts}, 'last_write_wins', i, i % 9, \
         {time}, {time} FROM numbers",
        numbers(count)
    ))
    .await;
    // Links from the middle of the entities on: the last of them have no matching row.
    test.run(&format!(
        "INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, external_id, sync_status, link_state, \
         last_sync_attempt, last_successful_sync, content_hash, created_at, updated_at) \
         {} SELECT 1, 'issue', 'E-' || ({half} - {half} / 5 + i), 'TARGET-' || i, 'completed', 'linked', \
         '2024-05-15 10:00:00+00:00', '2024-05-15 10:00:00+00:00', 'hash ' || i, \
         '2024-01-01 00:00:00+00:00', '2024-01-01 00:00:00+00:00' FROM numbers",
        numbers(half)
    ))
    .await;
    test
}

/// Returns the number of older rows stored in the links, distinguished by their hash, by the way they were stored.
async fn kept(test: &TestDatabase) -> Vec<Vec<String>> {
    let each = match test.on {
        On::Sqlite => "json_each(sync_metadata.legacy, '$.sync_states') AS states",
        On::Postgres => "jsonb_array_elements(legacy -> 'sync_states') AS states (value)",
    };
    test.texts(&format!(
        "SELECT CAST(count(DISTINCT states.value ->> 'content_hash') AS text), \
         CAST(count(DISTINCT legacy ->> 'fold') AS text), CAST(count(*) AS text) \
         FROM sync_metadata, {each} WHERE legacy IS NOT NULL"
    ))
    .await
}

#[rstest]
#[tokio::test]
async fn many_rows_survive_up_and_down(#[values(Loose, Typed)] kind: Older) {
    there_and_back(kind, 20_000).await;
}

/// Reports time and memory: `cargo test --release -p syncline-migration --test migrations -- --ignored --nocapture
/// --test-threads 1 a_hundred_thousand`
#[rstest]
#[tokio::test]
#[ignore = "a measurement"]
async fn a_hundred_thousand_rows(#[values(Loose, Texts, Typed)] kind: Older) {
    let [up, down] = there_and_back(kind, 100_000).await;
    println!("{kind:?}: up took {up}; down took {down}");
}

/// Up, down and up again, and the cost of the first two.
async fn there_and_back(kind: Older, count: u32) -> [String; 2] {
    let test = years(kind, count).await;
    let tables = ["sync_states", "sync_metadata", "sync_configs"];
    for table in tables {
        keep(&test, table, &format!("before_{table}"), &[]).await;
    }
    let up = measured(test.up()).await;
    let count = count.to_string();
    assert_eq!(kept(&test).await, [[count.as_str(), "3", count.as_str()]]);
    // Databases never generate an id a second time.
    let ids = ["id", "sync_config_id"];
    keep(&test, "sync_metadata", "first", &ids).await;
    let down = measured(test.down()).await;
    for table in tables {
        keep(&test, table, "after", &[]).await;
        same(&test, &format!("before_{table}"), "after").await;
        test.run("DROP TABLE after").await;
    }
    test.up().await;
    keep(&test, "sync_metadata", "second", &ids).await;
    same(&test, "first", "second").await;
    [up, down]
}

/// Copies a table without some columns.
async fn keep(test: &TestDatabase, table: &str, copy: &str, without: &[&str]) {
    let tables = schema::tables(test).await;
    let table = tables.iter().find(|known| known.name == table).unwrap();
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let columns: Vec<&str> = columns.filter(|column| !without.contains(column)).collect();
    test.run(&format!("CREATE TABLE {copy} AS SELECT {} FROM {}", columns.join(", "), table.name)).await;
}

/// Asserts that two tables have the same rows. The database compares them, because they are many; each row is unique.
async fn same(test: &TestDatabase, one: &str, other: &str) {
    let differ = |a, b| format!("SELECT * FROM (SELECT * FROM {a} EXCEPT SELECT * FROM {b}) AS rows LIMIT 1");
    for query in [differ(one, other), differ(other, one)] {
        assert!(test.rows(&query).await.is_empty(), "{query}");
    }
}

/// Returns the time of a step, and by how much this process's memory grew during it.
async fn measured(step: impl Future<Output = ()>) -> String {
    let started = Instant::now();
    let memory = Memory::now();
    step.await;
    format!("{:.1} s and {} MiB", started.elapsed().as_secs_f64(), memory.grown())
}

/// The memory of this process, if Linux reports it.
struct Memory(u64);

impl Memory {
    fn now() -> Memory {
        // Resets the peak.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Memory(status("VmRSS:"))
    }

    /// Returns the peak since then, in MiB above the start.
    fn grown(&self) -> u64 {
        status("VmHWM:").saturating_sub(self.0) / 1024
    }
}

/// In KiB.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
