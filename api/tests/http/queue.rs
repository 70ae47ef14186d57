//! Lists of jobs, dead letters, queues, schedules and workers, and what people do to them.

use axum::{body::Body, http::Request};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use syncline_queue::{ClaimRequest, NewJob, Outcome, Settlement};

use super::stage::Stage;

async fn enqueue(stage: &Stage, more: Value) -> Value {
    let mut body = json!({ "sync": "tasks" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = stage.post("/api/v1/jobs", body).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    reply.json()
}

/// A job that is no run, given up.
async fn dead_job(stage: &Stage, reason: &str) -> String {
    let job = NewJob::new("chore", json!({}));
    let id = job.id;
    stage.state.queue.push(&[job]).await.unwrap();
    let claim = ClaimRequest {
        queue: "default".to_owned(),
        worker_id: "a test".to_owned(),
        limit: 1,
        lease: std::time::Duration::from_secs(60),
        concurrency_key: None,
        overdue_by: None,
    };
    let claimed = stage.state.queue.claim(&claim).await.unwrap();
    let outcome = Outcome::Dead { reason: reason.to_owned(), error: "it broke".to_owned() };
    let lease = claimed.jobs[0].lease_ref();
    assert_eq!(lease.id, id);
    stage.state.queue.settle(&[Settlement { lease, outcome }]).await.unwrap();
    id.to_string()
}

async fn dead_run(stage: &Stage) -> String {
    let id = enqueue(stage, json!({})).await["id"].as_str().unwrap().to_owned();
    let sql = "UPDATE sync_history SET status = 'failed', success = FALSE, completed_at = queued_at, \
               dead_at = queued_at, dead_reason = 'it broke', waiting_key = NULL";
    for sql in [sql, "DELETE FROM jobs"] {
        stage.db.execute_unprepared(sql).await.unwrap();
    }
    id
}

fn ids(list: &Value) -> Vec<String> {
    list["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn jobs_are_listed_searched_and_paged() {
    let stage = Stage::sqlite().await;
    stage.sync("tasks", |_| {}).await;
    let first = enqueue(&stage, json!({})).await;
    let second = enqueue(&stage, json!({ "kind": "plan", "delay": 3600 })).await;
    let both = [first["id"].as_str().unwrap().to_owned(), second["id"].as_str().unwrap().to_owned()];
    let list = stage.get("/api/v1/jobs").await.json();
    assert_eq!(ids(&list), both);
    assert_eq!(list["jobs"][0]["sync"], "tasks");
    assert_eq!(
        (&list["jobs"][0]["status"], &list["jobs"][0]["priority"]),
        (&json!("queued"), &json!("high"))
    );
    assert_eq!(ids(&stage.get("/api/v1/jobs?kind=plan&sync=tasks").await.json()), both[1..]);
    assert!(ids(&stage.get("/api/v1/jobs?state=running").await.json()).is_empty());
    assert!(ids(&stage.get("/api/v1/jobs?older_than=10m").await.json()).is_empty());
    let page = stage.get("/api/v1/jobs?limit=1").await.json();
    assert_eq!(ids(&page), both[..1]);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(ids(&stage.get(&format!("/api/v1/jobs?limit=1&cursor={cursor}")).await.json()), both[1..]);
    for wrong in ["status=gone", "limit=0", "older_than=soon", "colour=red"] {
        stage.get(&format!("/api/v1/jobs?{wrong}")).await.problem(400, "invalid-query");
    }
    stage.get("/api/v1/jobs?sync=nobody").await.problem(404, "unknown-sync");
}

#[tokio::test]
async fn a_job_may_be_for_later_and_of_an_id_that_the_caller_chose() {
    let stage = Stage::sqlite().await;
    stage.sync("tasks", |_| {}).await;
    let id = "0193e5a0-0000-7000-8000-000000000001";
    let asked = json!({ "id": id, "not_before": "2030-01-01T00:00:00Z" });
    let first = enqueue(&stage, asked.clone()).await;
    let again = enqueue(&stage, asked).await;
    assert_eq!((&first["id"], &first["joined"]), (&json!(id), &json!(false)));
    assert_eq!((&again["id"], &again["joined"]), (&json!(id), &json!(true)));
    let list = stage.get("/api/v1/jobs").await.json();
    assert!(list["jobs"][0]["run_at"].as_str().unwrap().starts_with("2030-01-01"), "{list}");
    let both = json!({ "sync": "tasks", "delay": 5, "not_before": "2030-01-01T00:00:00Z" });
    stage.post("/api/v1/jobs", both).await.problem(422, "invalid-body");
    let never = json!({ "sync": "tasks", "delay": u64::MAX });
    stage.post("/api/v1/jobs", never).await.problem(422, "invalid-body");
}

#[tokio::test]
async fn a_job_waits_for_the_end_of_a_pause_of_its_platform_if_it_may() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("tasks", |_| {}).await;
    let paused = stage.post("/api/v1/platforms/csv/pause", json!({ "reason": "moving" })).await;
    assert_eq!(paused.json(), json!({ "paused": true, "changed": true }));
    let run = format!("/api/v1/sync/configs/{sync}/run");
    stage.post("/api/v1/jobs", json!({ "sync": "tasks" })).await.problem(409, "sync-paused");
    stage.post(&run, json!({})).await.problem(409, "sync-paused");
    let first = enqueue(&stage, json!({ "waits_for_pauses": true })).await;
    let again = stage.post(&run, json!({ "waits_for_pauses": true })).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (202, &first["id"]));
    let ended = stage.post("/api/v1/platforms/csv/resume", json!({})).await;
    assert_eq!(ended.json(), json!({ "paused": false, "changed": true }));
    stage.post("/api/v1/platforms/cvs/pause", json!({})).await.problem(404, "unknown-platform");
}

#[tokio::test]
async fn a_waiting_job_is_cancelled() {
    let stage = Stage::sqlite().await;
    stage.sync("tasks", |_| {}).await;
    let id = enqueue(&stage, json!({})).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/jobs/{id}/cancel");
    let done = stage.post(&path, "{}").await;
    assert_eq!((done.status.as_u16(), &done.json()["result"]), (200, &json!("cancelled")));
    assert_eq!(stage.get(&format!("/api/v1/jobs/{id}")).await.json()["status"], "cancelled");
    stage.post(&path, "{}").await.problem(409, "job-over");
    let nobody = "/api/v1/jobs/0193e5a0-0000-7000-8000-000000000001/cancel";
    stage.post(nobody, "{}").await.problem(404, "unknown-job");
}

#[tokio::test]
async fn dead_letters_are_listed_replayed_and_discarded() {
    let stage = Stage::sqlite().await;
    stage.sync("tasks", |_| {}).await;
    let run = dead_run(&stage).await;
    let jobs =
        [dead_job(&stage, "poison").await, dead_job(&stage, "poison").await, dead_job(&stage, "other").await];
    let list = stage.get("/api/v1/dead").await.json();
    assert_eq!(list["jobs"].as_array().unwrap().len(), 4, "{list}");
    assert_eq!((&list["jobs"][0]["id"], &list["jobs"][0]["sync"]), (&json!(run), &json!("tasks")));
    // Page by page it is the same.
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = stage.get(&format!("/api/v1/dead?limit=1{cursor}")).await.json();
        paged.extend(ids(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, ids(&list));
    for (filter, count) in [("", 4), ("?sync=tasks", 1), ("?q=-reason:poison", 2), ("?older_than=1h", 0)] {
        let counted = stage.get(&format!("/api/v1/dead/count{filter}")).await.json();
        assert_eq!(counted, json!({ "count": count }), "{filter}");
    }
    stage.get("/api/v1/dead/count?limit=1").await.problem(400, "invalid-query");

    // Many at once are confirmed, or counted right.
    let poison = json!({ "filter": { "text": "poison" } });
    let problem = stage.post("/api/v1/dead/discard", &poison).await.problem(409, "not-confirmed");
    assert!(problem["detail"].as_str().unwrap().contains("There are 2 such"), "{problem}");
    let wrong = json!({ "filter": { "text": "poison" }, "count": 3 });
    stage.post("/api/v1/dead/discard", wrong).await.problem(409, "not-confirmed");
    let right = json!({ "filter": { "text": "poison" }, "count": 2 });
    assert_eq!(stage.post("/api/v1/dead/discard", right).await.json()["done"], 2);

    let one = stage.post("/api/v1/dead/replay", json!({ "ids": [jobs[2], jobs[0]] })).await.json();
    assert_eq!((&one["done"], &one["left"][0]["why"]), (&json!(1), &json!("there is no job with this id")));
    let all = stage.post("/api/v1/dead/replay", json!({ "all": true, "confirm": true })).await.json();
    assert_eq!((&all["count"], &all["done"]), (&json!(1), &json!(1)));
    assert!(ids(&stage.get("/api/v1/dead").await.json()).is_empty());
    assert_eq!(ids(&stage.get("/api/v1/jobs").await.json()).len(), 2);
    // Nothing is there to be replayed, and what is named is told by what is the matter with it.
    for path in ["replay", "discard"] {
        let none = stage.post(&format!("/api/v1/dead/{path}"), json!({ "all": true })).await;
        assert_eq!((none.status.as_u16(), &none.json()["count"]), (200, &json!(0)), "{}", none.text);
        let nobody = "0193e5a0-0000-7000-8000-000000000001";
        let left = stage.post(&format!("/api/v1/dead/{path}"), json!({ "ids": [nobody, run] })).await.json();
        let whys: Vec<&str> =
            left["left"].as_array().unwrap().iter().map(|left| left["why"].as_str().unwrap()).collect();
        assert_eq!(left["done"], 0, "{left}");
        assert!(whys.contains(&"there is no job with this id") && whys.contains(&"not dead"), "{left}");
    }
    for wrong in [json!({}), json!({ "all": true, "ids": [run] }), json!({ "everything": true })] {
        stage.post("/api/v1/dead/replay", wrong).await.problem(422, "invalid-body");
    }
}

#[tokio::test]
async fn queues_and_syncs_are_paused_and_resumed() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("tasks", |_| {}).await;
    enqueue(&stage, json!({})).await;
    let queue = stage.get("/api/v1/queues").await.json()["queues"][0].clone();
    assert_eq!((&queue["queue"], &queue["paused"]), (&json!("default"), &json!(false)));
    assert_eq!(
        (&queue["priorities"][1]["priority"], &queue["priorities"][1]["queued"]),
        (&json!("high"), &json!(1))
    );
    for (path, changed) in [("pause", true), ("pause", false)] {
        let done =
            stage.post(&format!("/api/v1/queues/default/{path}"), json!({ "reason": "a test" })).await.json();
        assert_eq!(done, json!({ "paused": true, "changed": changed }));
    }
    assert_eq!(stage.get("/api/v1/queues").await.json()["queues"][0]["paused"], true);
    assert!(stage.get("/metrics").await.text.contains("syncline_queue_paused{queue=\"default\"} 1\n"));
    let done = stage.post("/api/v1/queues/default/resume", "{}").await.json();
    assert_eq!(done, json!({ "paused": false, "changed": true }));

    let path = format!("/api/v1/sync/configs/{sync}");
    assert_eq!(stage.post(&format!("{path}/pause"), "{}").await.json()["changed"], true);
    stage.post("/api/v1/jobs", json!({ "sync": "tasks" })).await.problem(409, "sync-paused");
    assert_eq!(stage.post(&format!("{path}/resume"), "{}").await.json()["changed"], true);
    enqueue(&stage, json!({})).await;
    stage.post("/api/v1/sync/configs/999/pause", "{}").await.problem(404, "unknown-sync");
    let bare = |path: &str| Request::post(path).header("host", "localhost").body(Body::empty()).unwrap();
    for (path, done) in [("pause", json!(true)), ("resume", json!(true)), ("resume", json!(false))] {
        let reply = stage.send(bare(&format!("/api/v1/sync/configs/tasks/{path}"))).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["changed"]), (200, &done), "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn schedules_and_workers_are_listed() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("tasks", |_| {}).await;
    let sql = format!(
        "INSERT INTO schedules (sync_config_id, name, kind, expression, timezone, missed_policy, run_window, \
         next_tick_at, created_at, updated_at) VALUES ({sync}, 'interval', 'cron', '*/15 * * * *', 'Europe/Berlin', \
         'skip', 'Mon-Fri 06:00-22:00', '2026-11-25 05:00:00+00:00', '2026-11-24 05:00:00+00:00', '2026-11-24 05:00:00+00:00')"
    );
    stage.db.execute_unprepared(&sql).await.unwrap();
    let listed = stage.get("/api/v1/schedules").await.json()["schedules"][0].clone();
    assert_eq!((&listed["sync"], &listed["expression"]), (&json!("tasks"), &json!("*/15 * * * *")));
    assert_eq!((&listed["kind"], &listed["missed_ticks"]), (&json!("cron"), &json!("skip")));
    assert_eq!(listed["next_tick_at"], "2026-11-25T05:00:00Z");
    assert_eq!(stage.get("/api/v1/workers").await.json(), json!({ "workers": [], "next_cursor": null }));
}
