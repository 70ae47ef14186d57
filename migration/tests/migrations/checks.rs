//! What the schema refuses, and what it lets pass.

use rstest::rstest;

use crate::support::{TestDatabase, migrated};

/// A row of each table, as values by column; a case replaces one of them.
const ROWS: &[(&str, &[(&str, &str)])] = &[
    (
        "accounts",
        &[("project_id", "1"), ("platform", "'jira'"), ("name", "'acme'"), ("secret_ref", "'env:TOKEN'")],
    ),
    (
        "sync_configs",
        &[
            ("project_id", "1"),
            ("name", "'second'"),
            ("source_platform", "'csv'"),
            ("target_platform", "'sql'"),
            ("entity_type", "'record'"),
            ("direction", "'bidirectional'"),
            ("config_json", "'{}'"),
        ],
    ),
    (
        "sync_metadata",
        &[
            ("sync_config_id", "1"),
            ("entity_type", "'issue'"),
            ("entity_id", "'E-2'"),
            ("created_at", TIME),
            ("updated_at", TIME),
        ],
    ),
    (
        "schedules",
        &[
            ("sync_config_id", "1"),
            ("name", "'hourly'"),
            ("kind", "'interval'"),
            ("expression", "'3600'"),
            ("created_at", TIME),
            ("updated_at", TIME),
        ],
    ),
    ("sync_cursors", &[("sync_config_id", "1"), ("side", "'source'")]),
    (
        "sync_history",
        &[
            ("run_uid", UUID),
            ("project_id", "1"),
            ("sync_config_id", "1"),
            ("correlation_id", UUID),
            ("kind", "'sync'"),
            ("sync_type", "'manual'"),
            ("args", "'{}'"),
            ("queued_at", TIME),
        ],
    ),
    (
        "sync_conflicts",
        &[("link_id", "1"), ("run_id", UUID), ("conflict_type", "'field_mismatch'"), ("created_at", TIME)],
    ),
    (
        "sync_changes",
        &[
            ("link_id", "1"),
            ("seq", "1"),
            ("run_id", UUID),
            ("side", "'target'"),
            ("rule", "'mapping'"),
            ("origin_system", "'jira'"),
            ("state", "'intended'"),
            ("hash", "'aa'"),
            ("at", TIME),
        ],
    ),
    (
        "jobs",
        &[
            ("id", UUID),
            ("queue", "'default'"),
            ("kind", "'sync'"),
            ("payload_version", "1"),
            ("payload", "'{}'"),
            ("run_at", "0"),
            ("max_attempts", "3"),
            ("retry_base_ms", "1000"),
            ("retry_cap_ms", "60000"),
            ("enqueued_at", "0"),
        ],
    ),
];

const TIME: &str = "'2025-01-01T00:00:00+00:00'";
const UUID: &str = "X'0190a1b2c3d47e5f8a9b0c1d2e3f4a5b'";

/// An insert of the table's row with some of its values replaced or added.
fn insert(table: &str, changes: &[(&str, &str)]) -> String {
    let row = ROWS.iter().find(|(name, _)| *name == table).unwrap().1;
    let kept = row.iter().filter(|(column, _)| changes.iter().all(|(changed, _)| changed != column));
    let (columns, values): (Vec<_>, Vec<_>) =
        kept.chain(changes).map(|(column, value)| (*column, *value)).unzip();
    format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), values.join(", "))
}

async fn refuses(test: &TestDatabase, statement: &str, why: &str) {
    let error = test.try_run(statement).await.expect_err(statement).to_string();
    assert!(error.contains(why), "{error}");
}

#[rstest]
#[case("sync_configs", "direction", "'sideways'", &["'source_to_target'", "'target_to_source'"])]
#[case("sync_configs", "managed_by", "'nobody'", &["'file'", "'api'"])]
#[case("sync_metadata", "sync_status", "'synced'", &["'pending'", "'in_progress'", "'completed'", "'failed'", "'skipped'", "'conflict'"])]
#[case("sync_metadata", "link_state", "'gone'", &["'pending'", "'linked'", "'out_of_scope'", "'tombstone'"])]
#[case("sync_metadata", "sync_direction", "'both'", &["'local_to_remote'", "'remote_to_local'", "'bidirectional'"])]
#[case("sync_metadata", "sync_method", "'guess'", &["NULL", "'webhook'", "'poll'", "'batch'", "'manual'"])]
#[case("sync_metadata", "missing_side", "'left'", &["NULL", "'source'", "'target'"])]
#[case("sync_metadata", "intent_kind", "'upsert'", &["NULL", "'create'", "'update'", "'delete'"])]
#[case("sync_metadata", "intent_side", "'left'", &["NULL", "'source'", "'target'"])]
#[case("sync_metadata", "deleted_side", "'left'", &["NULL", "'source'", "'target'"])]
#[case("schedules", "kind", "'moon'", &["'interval'", "'cron'"])]
#[case("sync_cursors", "side", "'left'", &["'source'", "'target'"])]
#[case("sync_history", "status", "'running'", &["'queued'", "'in_progress'", "'completed'", "'failed'", "'cancelled'", "'held'"])]
#[case("sync_history", "kind", "'rollback'", &["'sync'", "'plan'", "'resolve'"])]
#[case("sync_history", "sync_type", "'guess'", &["'webhook'", "'poll'", "'batch'", "'manual'"])]
#[case("sync_history", "priority", "4", &["0", "1", "2", "3"])]
#[case("sync_conflicts", "resolution", "'both'", &["NULL", "'source'", "'target'"])]
#[case("sync_changes", "side", "'left'", &["'source'", "'target'"])]
#[case("sync_changes", "state", "'done'", &["'intended'", "'confirmed'", "'unknown'"])]
#[case("jobs", "state", "'done'", &["'waiting'", "'running'", "'dead'"])]
#[case("jobs", "priority", "-1", &["0", "1", "2", "3"])]
#[tokio::test]
async fn closed_sets_are_closed(
    #[case] table: &str,
    #[case] column: &str,
    #[case] wrong: &str,
    #[case] right: &[&str],
) {
    let test = migrated().await.with_link().await;
    refuses(&test, &insert(table, &[(column, wrong)]), "CHECK constraint failed").await;
    for value in right {
        test.run(&insert(table, &[(column, value)])).await;
        let key = if table == "sync_cursors" { "container = ''" } else { "rowid = last_insert_rowid()" };
        test.run(&format!("DELETE FROM {table} WHERE {key}")).await;
    }
}

#[rstest]
#[case::link_without_any_id("sync_metadata", &[("entity_id", "NULL")])]
#[case::account_with_two_secrets("accounts", &[("secret_enc", "X'00'"), ("key_id", "'k1'")])]
#[case::secret_without_its_key("accounts", &[("secret_ref", "NULL"), ("secret_enc", "X'00'")])]
#[tokio::test]
async fn rows_that_contradict_themselves_are_refused(#[case] table: &str, #[case] changes: &[(&str, &str)]) {
    let test = migrated().await.with_link().await;
    refuses(&test, &insert(table, changes), "CHECK constraint failed").await;
}

#[rstest]
#[case::source_linked_once("sync_metadata", &[("entity_id", "'E-1'")])]
#[case::target_linked_once("sync_metadata", &[("external_id", "'PROJ-1'")])]
#[case::name_of_a_sync("sync_configs", &[("name", "'mirror'")])]
#[tokio::test]
async fn twins_of_what_is_there_are_refused(#[case] table: &str, #[case] changes: &[(&str, &str)]) {
    let test = migrated().await.with_link().await;
    refuses(&test, &insert(table, changes), "UNIQUE constraint failed").await;
}

#[rstest]
#[case::one_run_per_tick("sync_history", &[("schedule_id", "1"), ("tick_at", TIME)], &[("run_uid", "X'01'")])]
#[case::one_place_in_the_chain("sync_changes", &[], &[("field", "'title'")])]
#[case::one_open_conflict_per_field("sync_conflicts", &[("field", "'title'")], &[("field", "'title'")])]
#[case::one_open_conflict_of_the_item("sync_conflicts", &[], &[])]
#[case::one_cursor_per_container("sync_cursors", &[], &[])]
#[case::one_waiting_job_per_key("jobs", &[("unique_key", "'k'")], &[("id", "X'01'"), ("unique_key", "'k'")])]
#[tokio::test]
async fn a_second_one_is_refused(
    #[case] table: &str,
    #[case] first: &[(&str, &str)],
    #[case] second: &[(&str, &str)],
) {
    let test = migrated().await.with_link().await;
    test.run(&insert("schedules", &[("id", "1")])).await;
    test.run(&insert(table, first)).await;
    let kept = first.iter().filter(|(column, _)| second.iter().all(|(changed, _)| changed != column));
    let second: Vec<_> = kept.chain(second).copied().collect();
    refuses(&test, &insert(table, &second), "UNIQUE constraint failed").await;
}

#[tokio::test]
async fn what_is_over_makes_room() {
    let test = migrated().await.with_link().await;
    test.run(&insert("sync_conflicts", &[("field", "'title'"), ("resolved", "true")])).await;
    test.run(&insert("sync_conflicts", &[("field", "'title'")])).await;
    test.run(&insert("sync_conflicts", &[("field", "'state'")])).await;
    test.run(&insert("jobs", &[("unique_key", "'k'"), ("state", "'running'")])).await;
    test.run(&insert("jobs", &[("unique_key", "'k'"), ("id", "X'01'")])).await;
    test.run("UPDATE sync_configs SET deleted_at = '2025-01-01T00:00:00+00:00'").await;
    test.run(&insert("sync_configs", &[("name", "'mirror'")])).await;
}

#[tokio::test]
async fn attempts_go_with_their_run_and_links_stay_with_their_sync() {
    let test = migrated().await.with_link().await;
    test.run(&insert("sync_history", &[("link_id", "1")])).await;
    test.run(&format!(
        "INSERT INTO sync_attempts (run_id, attempt, worker, started_at) VALUES ({UUID}, 1, 'w1', {TIME})"
    ))
    .await;
    refuses(&test, "DELETE FROM sync_metadata", "FOREIGN KEY constraint failed").await;
    refuses(&test, "DELETE FROM sync_configs", "FOREIGN KEY constraint failed").await;
    test.run("DELETE FROM sync_history").await;
    assert!(test.rows("SELECT 1 FROM sync_attempts").await.is_empty());
}
