//! The numbers, on both databases.

use chrono::{TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use serde_json::{Value, json};
use syncline_entity::{
    project, sync_conflict, sync_history, sync_metadata,
    types::{LinkState, Priority, RunKind, RunStatus, SyncDirection, SyncMethod, SyncStatus},
};
use uuid::Uuid;

use crate::stage::Stage;

/// A run of so many items that took so long and ended so many hours ago.
async fn run(stage: &Stage, sync: i64, status: RunStatus, took: Option<i64>, hours_ago: i64) -> Uuid {
    let ended = Utc::now() - TimeDelta::hours(hours_ago);
    let finished = status.is_finished();
    let id = Uuid::now_v7();
    let row = sync_history::ActiveModel {
        run_uid: Set(id),
        project_id: Set(project::DEFAULT_PROJECT),
        sync_config_id: Set(sync),
        correlation_id: Set(id),
        kind: Set(RunKind::Sync),
        sync_type: Set(SyncMethod::Manual),
        priority: Set(Priority::Normal),
        args: Set(json!({})),
        status: Set(status),
        queued_at: Set(ended),
        completed_at: Set(finished.then_some(ended)),
        success: Set(finished.then_some(status == RunStatus::Completed)),
        duration_ms: Set(took),
        items_synced: Set(10),
        items_failed: Set(1),
        items_skipped: Set(2),
        created: Set(3),
        updated: Set(4),
        deleted: Set(5),
        conflicts: Set(6),
        api_calls: Set(7),
        ..Default::default()
    };
    row.insert(&stage.db).await.expect("a run");
    id
}

async fn link(stage: &Stage, sync: i64, key: &str, status: SyncStatus) -> i64 {
    let row = sync_metadata::ActiveModel {
        sync_config_id: Set(sync),
        entity_type: Set("record".to_owned()),
        entity_id: Set(Some(key.to_owned())),
        sync_status: Set(status),
        link_state: Set(LinkState::Linked),
        sync_direction: Set(SyncDirection::Bidirectional),
        created_at: Set(Utc::now()),
        updated_at: Set(Utc::now()),
        ..Default::default()
    };
    row.insert(&stage.db).await.expect("a link").id
}

async fn conflict(stage: &Stage, link: i64, resolved: bool) {
    let row = sync_conflict::ActiveModel {
        link_id: Set(link),
        run_id: Set(Uuid::now_v7()),
        conflict_type: Set("field_mismatch".to_owned()),
        resolved: Set(resolved),
        created_at: Set(Utc::now()),
        ..Default::default()
    };
    row.insert(&stage.db).await.expect("a conflict");
}

fn percent(number: &Value) -> i64 {
    (number.as_f64().unwrap() * 100.0) as i64
}

async fn numbers_add_up(stage: Stage) {
    let a = stage.sync("a", |_| {}).await;
    let b = stage
        .sync("b", |row| {
            row.source_platform = Set("jira".to_owned());
            row.entity_type = Set("issue".to_owned());
        })
        .await;
    let gone = stage.sync("gone", |row| row.deleted_at = Set(Some(Utc::now()))).await;
    for took in 1..=20 {
        run(&stage, a, RunStatus::Completed, Some(took * 100), 1).await;
    }
    run(&stage, a, RunStatus::Failed, Some(5_000), 1).await;
    run(&stage, a, RunStatus::Completed, Some(90_000), 100).await;
    let latest = run(&stage, a, RunStatus::Queued, None, 200).await;
    run(&stage, b, RunStatus::Cancelled, None, 1).await;
    run(&stage, gone, RunStatus::Completed, Some(1), 1).await;
    for (key, status) in
        [("1", SyncStatus::Completed), ("2", SyncStatus::Completed), ("3", SyncStatus::Failed)]
    {
        link(&stage, a, key, status).await;
    }
    let disputed = link(&stage, b, "1", SyncStatus::Conflict).await;
    conflict(&stage, disputed, false).await;
    conflict(&stage, disputed, true).await;

    let stats = stage.get("/api/v1/sync/stats").await.json();
    assert_eq!((&stats["window"], stats["since"].is_string()), (&json!("24h"), true));
    let syncs = stats["syncs"].as_array().unwrap();
    let names: Vec<_> = syncs.iter().map(|sync| sync["sync"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "b"], "the deleted one is left out");
    let (a, b, total) = (&syncs[0], &syncs[1], &stats["total"]);
    let zeros =
        json!({"pending": 0, "in_progress": 0, "completed": 2, "failed": 1, "skipped": 0, "conflict": 0});
    assert_eq!((&a["links"], &total["links"]["conflict"]), (&zeros, &json!(1)));
    assert_eq!(
        (&a["open_conflicts"], &b["open_conflicts"], &total["open_conflicts"]),
        (&json!(0), &json!(1), &json!(1))
    );
    assert_eq!(
        (&a["runs"]["completed"], &a["runs"]["failed"], &a["runs"]["queued"]),
        (&json!(20), &json!(1), &json!(1))
    );
    assert_eq!((percent(&a["success_rate"]), &b["success_rate"]), (95, &Value::Null));
    // The percentiles are the middles of the classes that 1,100 and 2,000 fall into.
    assert_eq!(a["duration_ms"], json!({"p50": 1_096, "p95": 2_008, "max": 5_000}));
    assert_eq!((&total["duration_ms"], &b["duration_ms"]), (&a["duration_ms"], &Value::Null));
    assert_eq!(
        (&a["items_synced"], &a["api_calls"], &total["items_synced"]),
        (&json!(210), &json!(147), &json!(220))
    );
    assert_eq!(percent(&a["throughput"]), 807);
    assert_eq!((&a["last_run"]["id"], &a["last_run"]["status"]), (&json!(latest), &json!("queued")));

    let (platforms, types) = (&stats["by_platform"], &stats["by_entity_type"]);
    assert_eq!((&platforms["csv"]["runs"], &platforms["jira"]["runs"]), (&a["runs"], &b["runs"]));
    assert_eq!(&platforms["jsonl"], total, "both write to it");
    assert_eq!((&types["record"]["runs"], &types["issue"]["links"]), (&a["runs"], &b["links"]));

    let all = stage.get("/api/v1/sync/stats?window=all&sync=a").await.json();
    assert_eq!((&all["since"], &all["total"]["runs"]["completed"]), (&Value::Null, &json!(21)));
    assert_eq!(all["total"]["duration_ms"]["max"], 90_000);
    let names = async |query: &str| {
        let stats = stage.get(&format!("/api/v1/sync/stats?{query}")).await.json();
        let names =
            stats["syncs"].as_array().unwrap().iter().map(|sync| sync["sync"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("platform=jira").await, ["b"]);
    assert_eq!(names("platform=jsonl&project=default").await, ["a", "b"]);
    assert_eq!(names("entity_type=record&window=7d").await, ["a"]);
    assert!(names("project=elsewhere").await.is_empty());
}

#[tokio::test]
async fn numbers_add_up_on_sqlite() {
    numbers_add_up(Stage::sqlite().await).await;
}

#[tokio::test]
async fn numbers_add_up_on_postgres() {
    numbers_add_up(Stage::postgres().await).await;
}

#[tokio::test]
async fn plans_are_not_counted() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    stage.post("/api/v1/jobs", json!({"sync": "a", "kind": "plan"})).await;
    let stats = stage.get("/api/v1/sync/stats").await.json();
    assert_eq!(
        (&stats["syncs"][0]["last_run"], &stats["total"]["runs"]["queued"]),
        (&Value::Null, &json!(0))
    );
}

#[tokio::test]
async fn a_wrong_question_says_what_is_wrong() {
    let stage = Stage::sqlite().await;
    let problem = stage.get("/api/v1/sync/stats?windw=7d").await.problem(400, "invalid-query");
    assert_eq!(problem["errors"][0]["field"], "windw");
    assert!(problem["detail"].as_str().unwrap().contains("did you mean \"window\"?"), "{problem}");
    let problem = stage.get("/api/v1/sync/stats?window=yesterday").await.problem(400, "invalid-query");
    assert_eq!(problem["errors"][0]["field"], "window");
    let problem = stage.get("/api/v1/sync/stats?sync=a&sync=b").await.problem(400, "invalid-query");
    assert_eq!(problem["errors"][0]["field"], "sync");
    stage.get("/api/v1/sync/stats?sync=missing").await.problem(404, "unknown-sync");
    assert_eq!(stage.get("/api/v1/sync/stats").await.json()["syncs"], json!([]));
}
