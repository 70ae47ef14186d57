//! `align_sync_schema`: an older installation's `sync_states` folded into `sync_metadata`, and back.

use crate::support::{TestDatabase, empty};

const OLDER: &str = "CREATE TABLE sync_states (entity_type TEXT, entity_id TEXT, jira_id TEXT, sync_status TEXT, \
    last_sync_local TIMESTAMP, last_sync_remote TIMESTAMP, content_hash TEXT, conflicts TEXT, \
    resolution_strategy TEXT, sync_duration_ms INTEGER, api_calls_count INTEGER, created_at TIMESTAMP, \
    updated_at TIMESTAMP)";

const STATES: &str = "SELECT entity_type, entity_id, jira_id, sync_status, last_sync_local, last_sync_remote, \
    content_hash, conflicts, resolution_strategy, CAST(sync_duration_ms AS TEXT), CAST(api_calls_count AS TEXT), \
    created_at, updated_at FROM sync_states ORDER BY rowid";

const LINKS: &str = "SELECT CAST(id AS TEXT), entity_type, entity_id, external_id, sync_status, link_state, \
    last_sync_attempt, last_successful_sync, content_hash, created_at, updated_at, legacy \
    FROM sync_metadata ORDER BY id";

/// A database just before the migration, with one link (`E-1`, last success on 2 January 2025) and the older table.
async fn older(rows: &[&str]) -> TestDatabase {
    let test = empty().await;
    test.up_to("create_sync_metadata").await;
    let test = test.with_link().await;
    test.run(OLDER).await;
    for row in rows {
        test.run(&format!("INSERT INTO sync_states VALUES ({row})")).await;
    }
    test
}

const NEWER: &str = "'issue','E-1','PROJ-1','synced','2025-03-01 10:00:00','2025-03-01 11:00:00','bb','[{\"field\":\"title\"}]',\
    'manual',1200,7,'2024-01-01 00:00:00','2025-03-01 11:00:00'";
const OUTDATED: &str = "'issue','E-1','PROJ-1','completed','2024-03-01 10:00:00',NULL,'cc',NULL,NULL,NULL,3,\
    '2024-01-01 00:00:00','2024-03-01 10:00:00'";
const ALONE: &str = "'task','T-9','PROJ-9','error','2024-05-01T10:00:00Z',NULL,'dd',NULL,'last_write_wins',80,2,\
    '2024-01-01 00:00:00','2024-05-01 10:00:00'";

#[tokio::test]
async fn a_fresh_installation_never_sees_the_older_table() {
    let test = empty().await;
    test.up_to("align_sync_schema").await;
    test.down().await;
    let tables = test.rows("SELECT 1 FROM sqlite_master WHERE name LIKE 'sync_states%'").await;
    assert!(tables.is_empty());
    assert!(test.rows("SELECT 1 FROM sync_configs").await.is_empty());
}

#[tokio::test]
async fn a_newer_state_takes_the_link_and_keeps_what_it_replaced() {
    let test = older(&[NEWER]).await;
    test.up().await;
    let links = "SELECT sync_status, last_successful_sync, content_hash, conflicts, resolution_strategy, \
        CAST(sync_duration_ms AS TEXT), CAST(api_calls_count AS TEXT), legacy ->> '$.before.content_hash', \
        legacy ->> '$.sync_states[0].content_hash' FROM sync_metadata";
    assert_eq!(
        test.texts(links).await,
        [[
            "completed",
            "2025-03-01T11:00:00+00:00",
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

#[tokio::test]
async fn an_outdated_state_is_kept_beside_the_link() {
    let test = older(&[OUTDATED]).await;
    let before =
        test.texts("SELECT sync_status, last_successful_sync, content_hash FROM sync_metadata").await;
    test.up().await;
    let after = test.texts("SELECT sync_status, last_successful_sync, content_hash FROM sync_metadata").await;
    assert_eq!(after, before);
    let legacy =
        "SELECT legacy ->> '$.sync_states[0].content_hash', CAST(api_calls_count AS TEXT) FROM sync_metadata";
    assert_eq!(test.texts(legacy).await, [["cc", "0"]]);
}

#[tokio::test]
async fn a_state_without_a_sync_goes_to_a_disabled_one() {
    let test = older(&[ALONE]).await;
    test.up().await;
    let links = "SELECT sync_configs.name, CAST(enabled AS TEXT), sync_metadata.entity_type, entity_id, external_id, \
        link_state, sync_status, last_sync_attempt, last_successful_sync, sync_metadata.created_at \
        FROM sync_metadata JOIN sync_configs ON sync_configs.id = sync_config_id WHERE sync_configs.id <> 1";
    assert_eq!(
        test.texts(links).await,
        [[
            "legacy",
            "0",
            "task",
            "T-9",
            "PROJ-9",
            "linked",
            "failed",
            "2024-05-01T10:00:00+00:00",
            "-",
            "2024-01-01T00:00:00+00:00"
        ]]
    );
}

#[tokio::test]
async fn states_that_clash_among_themselves_are_all_kept() {
    let test = older(&[
        "'task','T-1','X-1','synced','2024-01-01',NULL,'old',NULL,NULL,NULL,0,NULL,NULL",
        "'task','T-1','X-2','synced','2024-02-01',NULL,'new',NULL,NULL,NULL,0,NULL,NULL",
        "'task','T-2','X-2','synced','2024-01-15',NULL,'same target',NULL,NULL,NULL,0,NULL,NULL",
        "'task',NULL,'X-3','synced','2024-01-10',NULL,'target only',NULL,NULL,NULL,0,NULL,NULL",
        "NULL,NULL,NULL,'synced','2024-01-05',NULL,'no id',NULL,NULL,NULL,0,NULL,NULL",
    ])
    .await;
    test.run("UPDATE sync_configs SET name = 'legacy'").await;
    test.up().await;
    let links = "SELECT entity_type, entity_id, external_id, content_hash, \
        CAST(json_array_length(legacy, '$.sync_states') AS TEXT) FROM sync_metadata WHERE id <> 1 ORDER BY id";
    assert_eq!(
        test.texts(links).await,
        [
            ["task", "T-1", "X-2", "new", "2"],
            ["task", "T-2", "-", "same target", "1"],
            ["task", "-", "X-3", "target only", "1"],
            ["unknown", "unnamed:3", "-", "no id", "1"],
        ]
    );
    let names = test.texts("SELECT name FROM sync_configs ORDER BY id").await;
    assert_eq!(names, [["legacy"], ["legacy-2"]], "someone's own sync of that name is left alone");
}

#[tokio::test]
async fn down_puts_everything_back() {
    let test = older(&[NEWER, OUTDATED, ALONE, ALONE]).await;
    test.run("CREATE INDEX theirs ON sync_states (jira_id)").await;
    let (states, links) = (test.texts(STATES).await, test.texts(LINKS).await);
    test.up().await;
    assert!(test.try_run("SELECT 1 FROM sync_states").await.is_err());
    test.down().await;
    assert_eq!(test.texts(STATES).await, states);
    assert_eq!(test.texts(LINKS).await, links);
    assert_eq!(test.texts("SELECT name FROM sync_configs").await, [["mirror"]]);
    assert_eq!(
        test.texts("SELECT tbl_name FROM sqlite_master WHERE name = 'theirs'").await,
        [["sync_states"]]
    );

    test.up().await;
    assert_eq!(test.texts("SELECT entity_id FROM sync_metadata ORDER BY id").await, [["E-1"], ["T-9"]]);
}

#[tokio::test]
async fn down_leaves_alone_what_was_synced_since() {
    let test = older(&[NEWER]).await;
    test.up().await;
    test.run(
        "UPDATE sync_metadata SET last_successful_sync = '2026-01-01T00:00:00+00:00', content_hash = 'ee'",
    )
    .await;
    test.down().await;
    let link = "SELECT content_hash, last_successful_sync, legacy FROM sync_metadata";
    assert_eq!(test.texts(link).await, [["ee", "2026-01-01T00:00:00+00:00", "-"]]);
}

#[tokio::test]
async fn many_states_are_folded_in_batches() {
    let test = older(&[]).await;
    test.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1201) \
         INSERT INTO sync_metadata (sync_config_id, entity_type, entity_id, created_at, updated_at) \
         SELECT 1, 'card', 'C-' || i, '2025-01-01T00:00:00+00:00', '2025-01-01T00:00:00+00:00' FROM n",
    )
    .await;
    test.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2402) \
         INSERT INTO sync_states (entity_type, entity_id, jira_id, sync_status, last_sync_local) \
         SELECT 'card', 'C-' || i, 'J-' || i, 'synced', '2025-02-01' FROM n",
    )
    .await;
    let (states, links) = (test.texts(STATES).await, test.texts(LINKS).await);
    test.up().await;
    let counts =
        "SELECT legacy ->> '$.fold', CAST(count(*) AS TEXT) FROM sync_metadata GROUP BY 1 ORDER BY 1";
    assert_eq!(test.texts(counts).await, [["-", "1"], ["added", "1201"], ["replaced", "1201"]]);
    test.down().await;
    assert_eq!(test.texts(STATES).await, states);
    assert_eq!(test.texts(LINKS).await, links);
}

#[tokio::test]
async fn a_strangers_table_of_that_name_is_left_alone() {
    let test = empty().await;
    test.up_to("create_sync_metadata").await;
    test.run("CREATE TABLE sync_states (colour TEXT); INSERT INTO sync_states VALUES ('green')").await;
    test.up().await;
    test.down().await;
    assert_eq!(test.texts("SELECT colour FROM sync_states").await, [["green"]]);
}
