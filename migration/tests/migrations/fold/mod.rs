//! `align_sync_schema`: an older installation's `sync_states` folded into `sync_metadata`, and back.

mod many;
mod odd;

use rstest::rstest;

use crate::rows::{Dump, dump_columns};
use crate::schema::{self, printed};
use crate::support::{On, Postgres, Sqlite, TestDatabase, empty};

/// How the older installation declared its table.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Older {
    /// On SQLite, with any value in any column.
    Loose,
    /// On PostgreSQL, everything as text.
    Texts,
    /// On PostgreSQL, with types and a key.
    Typed,
}

use Older::{Loose, Texts, Typed};

impl Older {
    fn on(self) -> On {
        if self == Loose { Sqlite } else { Postgres }
    }

    fn table(self) -> String {
        let (id, text, short, time, json, number) = match self {
            Loose => ("id INTEGER PRIMARY KEY", "TEXT", "TEXT", "TIMESTAMP", "TEXT", "INTEGER"),
            Texts => ("id serial", "text", "text", "text", "text", "text"),
            Typed => ("id serial PRIMARY KEY", "text", "varchar(80)", "timestamp", "jsonb", "integer"),
        };
        format!(
            "CREATE TABLE sync_states ({id}, entity_type {short}, entity_id {text}, jira_id {text}, \
             sync_status {short}, last_sync_local {time}, last_sync_remote {time}, content_hash {text}, \
             conflicts {json}, resolution_strategy {short}, sync_duration_ms {number}, \
             api_calls_count {number}, created_at {time}, updated_at {time}); \
             CREATE INDEX theirs ON sync_states (api_calls_count)"
        )
    }
}

const COLUMNS: &str = "entity_type, entity_id, jira_id, sync_status, last_sync_local, last_sync_remote, \
    content_hash, conflicts, resolution_strategy, sync_duration_ms, api_calls_count, created_at, updated_at";

/// Creates a database just before the migration, with one link (`E-1`, last success on 2 January 2025) and the older
/// table.
async fn older(older: Older, rows: &[&str]) -> TestDatabase {
    let test = empty(older.on()).await;
    test.up_to("create_sync_metadata").await;
    let test = test.with_link().await;
    test.run(&older.table()).await;
    for row in rows {
        test.run(&format!("INSERT INTO sync_states ({COLUMNS}) VALUES ({row})")).await;
    }
    test
}

/// Everything that the migration may change: rows byte for byte, and the schema. SQLite quotes the name of a renamed
/// table.
async fn all(test: &TestDatabase) -> (Vec<Dump>, Vec<String>) {
    let mut dumps = Vec::new();
    for table in schema::tables(test).await {
        if ["sync_states", "sync_metadata", "sync_configs"].contains(&table.name.as_str()) {
            let columns = table.columns.into_iter().map(|column| column.name).collect();
            dumps.push(dump_columns(test, table.name, columns).await);
        }
    }
    let printed = printed(test).await.into_iter().map(|line| line.replace('"', ""));
    (dumps, printed.collect())
}

/// Returns every link without the ids, which databases never generate a second time.
async fn links(test: &TestDatabase) -> Dump {
    let tables = schema::tables(test).await;
    let links = tables.into_iter().find(|table| table.name == "sync_metadata").unwrap();
    let columns = links.columns.into_iter().map(|column| column.name);
    let columns = columns.filter(|name| !["id", "sync_config_id"].contains(&name.as_str())).collect();
    dump_columns(test, links.name, columns).await
}

/// Returns a time in the same form on both databases.
fn time(on: On, column: &str) -> String {
    match on {
        Sqlite => format!("replace(replace({column}, 'T', ' '), '+00:00', '+00')"),
        Postgres => format!("CAST({column} AS text)"),
    }
}

const NEWER: &str = "'issue','E-1','PROJ-1','synced','2025-03-01 10:00:00','2025-03-01 11:00:00','bb','[{\"field\":\"title\"}]',\
    'manual',1200,7,'2024-01-01 00:00:00','2025-03-01 11:00:00'";
const OUTDATED: &str = "'issue','E-1','PROJ-1','completed','2024-03-01 10:00:00',NULL,'cc',NULL,NULL,NULL,3,\
    '2024-01-01 00:00:00','2024-03-01 10:00:00'";
const ALONE: &str = "'task','T-9','PROJ-9','error','2024-05-01T10:00:00Z',NULL,'dd',NULL,'last_write_wins',80,2,\
    '2024-01-01 00:00:00','2024-05-01 10:00:00'";

#[rstest]
#[tokio::test]
async fn a_fresh_installation_never_sees_the_older_table(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    test.up_to("align_sync_schema").await;
    test.down().await;
    assert!(!printed(&test).await.concat().contains("sync_states"));
    assert!(test.rows("SELECT 1 FROM sync_configs").await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_newer_state_replaces_a_links_values_and_keeps_them(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &[NEWER]).await;
    test.up().await;
    let success = time(test.on, "last_successful_sync");
    let links = format!(
        "SELECT sync_status, {success}, content_hash, replace(CAST(conflicts AS text), ' ', ''), \
         resolution_strategy, CAST(sync_duration_ms AS text), CAST(api_calls_count AS text), \
         legacy -> 'before' ->> 'content_hash', legacy -> 'sync_states' -> 0 ->> 'content_hash' \
         FROM sync_metadata"
    );
    assert_eq!(
        test.texts(&links).await,
        [[
            "completed",
            "2025-03-01 11:00:00+00",
            "bb",
            "[{\"field\":\"title\"}]",
            "manual",
            "1200",
            "7",
            "aa",
            "bb"
        ]]
    );
}

#[rstest]
#[tokio::test]
async fn an_outdated_state_is_kept_beside_the_link(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &[OUTDATED]).await;
    let success = time(test.on, "last_successful_sync");
    let link = format!("SELECT sync_status, {success}, content_hash FROM sync_metadata");
    let before = test.texts(&link).await;
    test.up().await;
    assert_eq!(test.texts(&link).await, before);
    let legacy = "SELECT legacy -> 'sync_states' -> 0 ->> 'content_hash', CAST(api_calls_count AS text) \
        FROM sync_metadata";
    assert_eq!(test.texts(legacy).await, [["cc", "0"]]);
}

#[rstest]
#[tokio::test]
async fn a_state_without_a_sync_goes_to_a_disabled_one(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &[ALONE]).await;
    test.up().await;
    let [attempt, success, created] =
        ["last_sync_attempt", "last_successful_sync", "created_at"].map(|column| time(test.on, column));
    let links = format!(
        "SELECT sync_configs.name, CASE WHEN enabled THEN 'on' ELSE 'off' END, sync_metadata.entity_type, \
         entity_id, external_id, link_state, sync_status, {attempt}, {success}, {created} \
         FROM sync_metadata JOIN sync_configs ON sync_configs.id = sync_config_id WHERE sync_configs.id <> 1"
    );
    assert_eq!(
        test.texts(&links).await,
        [[
            "legacy",
            "off",
            "task",
            "T-9",
            "PROJ-9",
            "linked",
            "failed",
            "2024-05-01 10:00:00+00",
            "-",
            "2024-01-01 00:00:00+00"
        ]]
    );
}

#[rstest]
#[tokio::test]
async fn states_that_clash_among_themselves_are_all_kept(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(
        kind,
        &[
            "'task','T-1','X-1','synced','2024-01-01',NULL,'old',NULL,NULL,NULL,0,NULL,NULL",
            "'task','T-1','X-2','synced','2024-02-01',NULL,'new',NULL,NULL,NULL,0,NULL,NULL",
            "'task','T-2','X-2','synced','2024-01-15',NULL,'same target',NULL,NULL,NULL,0,NULL,NULL",
            "'task',NULL,'X-3','synced','2024-01-10',NULL,'target only',NULL,NULL,NULL,0,NULL,NULL",
            "NULL,NULL,NULL,'synced','2024-01-05',NULL,'no id',NULL,NULL,NULL,0,NULL,NULL",
        ],
    )
    .await;
    test.run("UPDATE sync_configs SET name = 'legacy'").await;
    test.up().await;
    let length = test.pick("json_array_length", "jsonb_array_length");
    let links = format!(
        "SELECT entity_type, CASE WHEN entity_id LIKE 'unnamed:%' THEN 'unnamed' ELSE entity_id END, external_id, \
         content_hash, CAST({length}(legacy -> 'sync_states') AS text) FROM sync_metadata WHERE id <> 1 ORDER BY id"
    );
    assert_eq!(
        test.texts(&links).await,
        [
            ["task", "T-1", "X-2", "new", "2"],
            ["task", "T-2", "-", "same target", "1"],
            ["task", "-", "X-3", "target only", "1"],
            ["unknown", "unnamed", "-", "no id", "1"],
        ]
    );
    let names = test.texts("SELECT name FROM sync_configs ORDER BY id").await;
    assert_eq!(names, [["legacy"], ["legacy-2"]], "an existing sync of that name is left alone");
}

#[rstest]
#[tokio::test]
async fn down_restores_everything(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &[NEWER, OUTDATED, ALONE, ALONE]).await;
    let before = all(&test).await;
    test.up().await;
    assert!(test.try_run("SELECT 1 FROM sync_states").await.is_err());
    let first = links(&test).await;
    test.down().await;
    assert_eq!(all(&test).await, before);

    test.up().await;
    assert_eq!(links(&test).await, first);
    assert_eq!(test.texts("SELECT entity_id FROM sync_metadata ORDER BY id").await, [["E-1"], ["T-9"]]);
}

#[rstest]
#[tokio::test]
async fn down_keeps_links_synced_since(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &[NEWER]).await;
    test.up().await;
    test.run(
        "UPDATE sync_metadata SET last_successful_sync = '2026-01-01T00:00:00+00:00', content_hash = 'ee'",
    )
    .await;
    test.down().await;
    let success = time(test.on, "last_successful_sync");
    let link = format!("SELECT content_hash, {success}, CAST(legacy AS text) FROM sync_metadata");
    assert_eq!(test.texts(&link).await, [["ee", "2026-01-01 00:00:00+00", "-"]]);
}

#[rstest]
#[tokio::test]
async fn a_foreign_table_of_that_name_is_left_alone(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    test.up_to("create_sync_metadata").await;
    test.run("CREATE TABLE sync_states (colour TEXT); INSERT INTO sync_states VALUES ('green')").await;
    test.up().await;
    test.down().await;
    assert_eq!(test.texts("SELECT colour FROM sync_states").await, [["green"]]);
}
