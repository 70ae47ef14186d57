//! Runs put in line and looked at.

use chrono::{TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use syncline_entity::{
    sync_attempt, sync_history,
    types::{RunKind, RunStatus, SyncMethod},
};
use syncline_queue::Priority;
use uuid::Uuid;

use crate::stage::Stage;

fn id(reply: &Value) -> Uuid {
    reply["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn deletes_are_agreed_to_by_the_names_of_items() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let reply = stage.post("/api/v1/jobs", json!({"sync": "a", "allow_deletes_of": ["T-1", "T-2"]})).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let row = sync_history::by_run(&stage.db, id(&reply.json())).await.unwrap().expect("its row");
    assert_eq!(row.args, json!({"allow_deletes_of": ["T-1", "T-2"]}));
}

#[tokio::test]
async fn a_run_is_accepted_with_the_settings_of_its_sync() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("a", |_| {}).await;
    let reply = stage.post("/api/v1/jobs", json!({"sync": "a", "full": true, "allow_deletes": 3})).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    let body = reply.json();
    let path = format!("/api/v1/jobs/{}", id(&body));
    assert_eq!(reply.header("location"), path);
    assert_eq!(
        body,
        json!({"id": id(&body), "sync": "a", "project": "default", "kind": "sync", "status": "queued",
               "joined": false, "links": {"self": path, "parent": null}})
    );

    let row = sync_history::by_run(&stage.db, id(&body)).await.unwrap().expect("its row");
    assert_eq!((row.sync_config_id, row.kind, row.sync_type), (sync, RunKind::Sync, SyncMethod::Manual));
    assert_eq!(row.args, json!({"full": true, "allow_deletes": 3}));
    let job = stage.state.queue.get(id(&body)).await.unwrap().expect("its job");
    assert_eq!((job.priority, job.max_attempts), (Priority::High, 8));
    assert_eq!(job.retry.base.as_millis(), 2_500);
}

#[tokio::test]
async fn a_request_overrides_the_priority_and_may_only_plan() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let body =
        stage.post("/api/v1/jobs", json!({"sync": "a", "kind": "plan", "priority": "default"})).await.json();
    assert_eq!(body["kind"], "plan");
    let job = stage.state.queue.get(id(&body)).await.unwrap().expect("its job");
    assert_eq!((job.priority, job.kind.as_str()), (Priority::Normal, "plan"));
}

#[tokio::test]
async fn the_same_request_twice_is_one_job() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let first = stage.post("/api/v1/jobs", json!({"sync": "a"})).await;
    let second = stage.post("/api/v1/jobs", json!({"sync": "a", "project": "default", "kind": "sync"})).await;
    assert_eq!((second.status.as_u16(), second.json()["joined"].as_bool()), (202, Some(true)));
    assert_eq!(second.header("location"), first.header("location"));
    let other = stage.post("/api/v1/jobs", json!({"sync": "a", "full": true})).await;
    assert_eq!(other.json()["joined"], false);
    assert_eq!(sync_history::Entity::find().all(&stage.db).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_wrong_request_says_what_is_wrong() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let refused = async |body: Value| {
        let problem = stage.post("/api/v1/jobs", &body).await.problem(422, "invalid-body");
        let error = problem["errors"][0].clone();
        (error["field"].as_str().unwrap().to_owned(), error["detail"].as_str().unwrap().to_owned())
    };
    let (field, detail) = refused(json!({"sync": "a", "dry_run": true})).await;
    assert_eq!(field, "dry_run");
    assert!(detail.contains("confirm_deletes"), "{detail}");
    assert_eq!(refused(json!({})).await.0, "sync");
    let (field, detail) = refused(json!({"sync": "a", "kind": "resolve"})).await;
    assert!(field == "kind" && detail.contains("plan"), "{field}: {detail}");
    assert_eq!(refused(json!({"sync": "a", "priority": "urgent"})).await.0, "priority");
    assert_eq!(refused(json!({"sync": "a", "allow_deletes": -1})).await.0, "allow_deletes");
    assert_eq!(refused(json!({"sync": "a", "items": {"side": "left", "ids": ["1"]}})).await.0, "items.side");
    assert_eq!(refused(json!({"sync": "a", "items": {"side": "source", "ids": []}})).await.0, "items.ids");
    assert_eq!(refused(json!({"sync": "a", "allow_deletes_of": [""]})).await.0, "allow_deletes_of");
    let twice = json!({"sync": "a", "allow_deletes": 1, "allow_deletes_of": ["T-1"]});
    assert_eq!(refused(twice).await.0, "allow_deletes_of");
    let beside = json!({"sync": "a", "full": true, "items": {"side": "source", "ids": ["1"]}});
    assert_eq!(refused(beside).await.0, "items");
    assert!(sync_history::Entity::find().all(&stage.db).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let stage = Stage::sqlite().await;
    stage.sync("paused", |row| row.paused_at = Set(Some(Utc::now()))).await;
    stage.sync("off", |row| row.enabled = Set(false)).await;
    stage.sync("gone", |row| row.deleted_at = Set(Some(Utc::now()))).await;
    stage.sync("newer", |row| row.config_json = Set(json!({"name": "newer", "shape": "unheard of"}))).await;

    let problem = stage.post("/api/v1/jobs", json!({"sync": "missing"})).await.problem(404, "unknown-sync");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("\"missing\"") && detail.contains("syncline apply"), "{detail}");
    stage.post("/api/v1/jobs", json!({"sync": "gone"})).await.problem(404, "unknown-sync");
    stage
        .post("/api/v1/jobs", json!({"sync": "off", "project": "elsewhere"}))
        .await
        .problem(404, "unknown-project");
    stage.post("/api/v1/jobs", json!({"sync": "paused"})).await.problem(409, "sync-paused");
    let reply = stage.post("/api/v1/jobs", json!({"sync": "newer"})).await;
    reply.problem(409, "unreadable-sync");
    assert!(!reply.text.contains("unheard"), "{}", reply.text);
    // Only its schedule is off.
    assert_eq!(stage.post("/api/v1/jobs", json!({"sync": "off"})).await.status, 202);
}

#[tokio::test]
async fn a_full_queue_takes_no_more() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let fill = "INSERT INTO jobs (id, queue, kind, payload_version, payload, state, run_at, max_attempts, \
                retry_base_ms, retry_cap_ms, enqueued_at) \
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
                SELECT randomblob(16), 'default', 'sync', 1, '{}', 'waiting', 0, 1, 1, 1, 0 FROM n";
    stage.db.execute_unprepared(fill).await.unwrap();
    let reply = stage.post("/api/v1/jobs", json!({"sync": "a"})).await;
    reply.problem(429, "queue-full");
    assert_eq!(reply.header("retry-after"), "30");
}

#[tokio::test]
async fn a_waiting_job_shows_its_place_in_the_queue() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let path = stage.post("/api/v1/jobs", json!({"sync": "a"})).await.header("location").to_owned();
    let job = stage.get(&path).await.json();
    assert_eq!((job["sync"].as_str(), job["project"].as_str()), (Some("a"), Some("default")));
    assert_eq!((job["status"].as_str(), job["priority"].as_str()), (Some("queued"), Some("high")));
    assert_eq!((job["status"].as_str(), job["queue"]["attempt"].as_i64()), (Some("queued"), Some(0)));
    assert_eq!((&job["attempts"], &job["success"]), (&json!([]), &Value::Null));
    assert_eq!(job["links"], json!({"self": path, "parent": null}));
}

#[tokio::test]
async fn a_finished_job_shows_what_it_did() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let body = stage.post("/api/v1/jobs", json!({"sync": "a"})).await.json();
    let (run, now) = (id(&body), Utc::now());
    for (attempt, outcome, error) in [(1, "retry", Some("connection reset")), (2, "done", None)] {
        let row = sync_attempt::ActiveModel {
            run_id: Set(run),
            attempt: Set(attempt),
            worker: Set("w1".to_owned()),
            started_at: Set(now),
            ended_at: Set(Some(now)),
            outcome: Set(Some(outcome.to_owned())),
            error: Set(error.map(str::to_owned)),
        };
        row.insert(&stage.db).await.unwrap();
    }
    let mut row = sync_history::by_run(&stage.db, run).await.unwrap().unwrap().into_active_model();
    row.status = Set(RunStatus::Completed);
    row.success = Set(Some(false));
    row.started_at = Set(Some(now));
    row.completed_at = Set(Some(now + TimeDelta::milliseconds(1_234)));
    row.duration_ms = Set(Some(1_234));
    row.items_synced = Set(10);
    row.items_failed = Set(1);
    row.error_message = Set(Some("1 item failed".to_owned()));
    row.sync_metadata = Set(Some(json!({"read": [10, 11]})));
    row.update(&stage.db).await.unwrap();

    let job = stage.get(&format!("/api/v1/jobs/{run}")).await.json();
    assert_eq!((job["status"].as_str(), job["success"].as_bool()), (Some("completed"), Some(false)));
    assert_eq!((job["duration_ms"].as_i64(), job["error"].as_str()), (Some(1_234), Some("1 item failed")));
    assert_eq!((&job["items_synced"], &job["items_failed"]), (&json!(10), &json!(1)));
    assert_eq!((&job["details"]["read"], &job["queue"]), (&json!([10, 11]), &Value::Null));
    assert_eq!(job["attempts"][0]["error"], "connection reset");
    assert_eq!(job["attempts"][1]["outcome"], "done");
}

#[tokio::test]
async fn a_job_is_asked_for_by_its_id() {
    let stage = Stage::sqlite().await;
    for bad in ["17", "not-a-uuid", "%FF"] {
        let problem = stage.get(&format!("/api/v1/jobs/{bad}")).await.problem(400, "invalid-id");
        assert!(problem["detail"].as_str().unwrap().contains(bad), "{problem}");
    }
    let unknown = Uuid::now_v7();
    let problem = stage.get(&format!("/api/v1/jobs/{unknown}")).await.problem(404, "unknown-job");
    assert!(problem["detail"].as_str().unwrap().contains(&unknown.to_string()));
}

async fn many_at_once(stage: Stage) {
    for number in 0..10 {
        stage.sync(&format!("sync-{number}"), |_| {}).await;
    }
    let requests = (0..60).map(|number| {
        let body = json!({"sync": format!("sync-{}", number % 10)});
        let stage = &stage;
        async move { stage.post("/api/v1/jobs", body).await }
    });
    let replies = futures_util::future::join_all(requests).await;
    assert!(replies.iter().all(|reply| reply.status == 202), "{replies:?}");
    let new = replies.iter().filter(|reply| reply.json()["joined"] == false).count();
    assert_eq!((new, sync_history::Entity::find().all(&stage.db).await.unwrap().len()), (10, 10));
}

#[tokio::test]
async fn many_requests_at_once_are_one_job_per_sync_on_sqlite() {
    many_at_once(Stage::sqlite().await).await;
}

#[tokio::test]
async fn many_requests_at_once_are_one_job_per_sync_on_postgres() {
    many_at_once(Stage::postgres().await).await;
}

#[tokio::test]
async fn an_id_used_again_is_answered_alike_or_refused() {
    let stage = Stage::sqlite().await;
    stage.sync("a", |_| {}).await;
    let id = "0190a8b0-0000-7000-8000-00000000a001";
    let ask = async |body: Value| stage.post("/api/v1/jobs", &body).await;
    assert_eq!(ask(json!({"sync": "a", "id": id})).await.json()["status"], "queued");
    let over =
        "UPDATE sync_history SET status = 'completed', waiting_key = NULL, completed_at = CURRENT_TIMESTAMP";
    stage.db.execute_unprepared(over).await.unwrap();
    let again = ask(json!({"sync": "a", "id": id})).await.json();
    assert_eq!((&again["status"], &again["joined"]), (&json!("completed"), &json!(true)));
    for other in [
        json!({"sync": "a", "id": id, "kind": "plan"}),
        json!({"sync": "a", "id": id, "full": true}),
        json!({"sync": "a", "id": id, "allow_deletes": 3}),
        json!({"sync": "a", "id": id, "not_before": "2030-01-01T00:00:00Z"}),
    ] {
        ask(other).await.problem(409, "id-used");
    }
    assert_eq!(sync_history::Entity::find().all(&stage.db).await.unwrap().len(), 1);
}
