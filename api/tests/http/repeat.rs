//! Requests that are repeated with the same `Idempotency-Key`.

use axum::{body::Body, http::Request};
use chrono::{TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use syncline_entity::{idempotency_key, sync_history};
use syncline_service::{
    Caller, Scope,
    tokens::{self, NewToken},
};
use uuid::Uuid;

use crate::stage::{Reply, Stage};

fn post(path: &str, key: &str, body: &Value) -> Request<Body> {
    let request = Request::post(path).header("host", "localhost").header("content-type", "application/json");
    request.header("idempotency-key", key).body(Body::from(body.to_string())).unwrap()
}

impl Stage {
    async fn again(&self, path: &str, key: &str, body: Value) -> Reply {
        self.send(post(path, key, &body)).await
    }

    async fn runs(&self) -> u64 {
        sync_history::Entity::find().count(&self.db).await.unwrap()
    }
}

async fn the_first_answer_is_repeated(stage: Stage) {
    stage.sync("own", |_| {}).await;
    let body = json!({ "sync": "own", "delay": 600 });
    let first = stage.again("/api/v1/jobs", "order 7", body.clone()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (202, ""), "{}", first.text);
    let second = stage.again("/api/v1/jobs", "order 7", body.clone()).await;
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!((second.status, &second.text), (first.status, &first.text), "byte for byte");
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(second.header("content-type"), "application/json");
    let id: Uuid = first.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 8, "derived from token and key");

    let other = stage.again("/api/v1/jobs", "order 7", json!({ "sync": "own" })).await;
    other.problem(422, "idempotency-mismatch");
    let elsewhere = stage.again("/api/v1/queues/default/pause", "order 7", json!({})).await;
    assert_eq!(elsewhere.json()["changed"], true, "a key belongs to its route");
    stage.again("/api/v1/queues/default/resume", "order 7", json!({})).await;
    assert_eq!(stage.runs().await, 1);
}

#[tokio::test]
async fn the_first_answer_is_repeated_on_sqlite() {
    the_first_answer_is_repeated(Stage::sqlite().await).await;
}

#[tokio::test]
async fn the_first_answer_is_repeated_on_postgresql() {
    the_first_answer_is_repeated(Stage::postgres().await).await;
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let stage = Stage::sqlite().await;
    let sync = stage.sync("own", |_| {}).await;
    stage.post(&format!("/api/v1/sync/configs/{sync}/pause"), "{}").await;
    let body = json!({ "sync": "own" });
    stage.again("/api/v1/jobs", "k", body.clone()).await.problem(409, "sync-paused");
    stage.again("/api/v1/jobs", "k", json!({ "sync": 7 })).await.problem(422, "invalid-body");
    stage.post(&format!("/api/v1/sync/configs/{sync}/resume"), "{}").await;
    assert_eq!(stage.again("/api/v1/jobs", "k", body).await.status, 202);
    stage
        .again("/api/v1/jobs", &"k".repeat(256), json!({ "sync": "own" }))
        .await
        .problem(400, "invalid-header");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callers_at_once_start_one_run() {
    let stage = Stage::postgres().await;
    stage.sync("own", |_| {}).await;
    let body = json!({ "sync": "own" });
    let asked = (0..50).map(|_| stage.again("/api/v1/jobs", "k", body.clone()));
    let replies = futures_util::future::join_all(asked).await;
    let mut accepted = Vec::new();
    for reply in replies {
        match reply.status.as_u16() {
            202 => accepted.push(reply.json()["id"].clone()),
            _ => {
                reply.problem(409, "idempotency-in-progress");
                assert_eq!(reply.header("retry-after"), "1");
            }
        }
    }
    accepted.dedup();
    assert_eq!((accepted.len(), stage.runs().await), (1, 1));
    let after = stage.again("/api/v1/jobs", "k", body).await;
    assert_eq!((after.header("idempotency-replayed"), &after.json()["id"]), ("true", &accepted[0]));
}

#[tokio::test]
async fn a_key_is_its_tokens_own() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    let mut ids = Vec::new();
    for name in ["one", "other"] {
        let scopes = [Scope::Enqueue].into_iter().collect();
        let new = NewToken { name, scopes, project: None, expires_at: None, environment: "test" };
        let (_, token) = tokens::create(&stage.db, &Caller::person("mia"), &new).await.unwrap();
        let mut request = post("/api/v1/jobs", "k", &json!({ "sync": "own", "full": name == "other" }));
        request.headers_mut().insert("authorization", format!("Bearer {}", token.as_str()).parse().unwrap());
        let reply = stage.send(request).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("idempotency-replayed")),
            (202, ""),
            "{}",
            reply.text
        );
        ids.push(reply.json()["id"].clone());
    }
    assert_eq!(stage.runs().await, 2);
    assert_ne!(ids[0], ids[1]);
}

/// The process died after it had accepted the run, and before it had stored the answer.
#[tokio::test]
async fn a_request_whose_process_died_is_carried_out_again_after_a_minute() {
    let stage = Stage::sqlite().await;
    stage.sync("own", |_| {}).await;
    let body = json!({ "sync": "own" });
    let first = stage.again("/api/v1/jobs", "k", body.clone()).await.json();
    let row = idempotency_key::Entity::find().one(&stage.db).await.unwrap().unwrap();
    let age = async |age: TimeDelta| {
        let died = idempotency_key::ActiveModel {
            id: Set(row.id),
            response_status: Set(None),
            response_headers: Set(None),
            response_body: Set(None),
            created_at: Set(Utc::now() - age),
            ..Default::default()
        };
        died.update(&stage.db).await.unwrap();
    };
    age(TimeDelta::seconds(50)).await;
    stage.again("/api/v1/jobs", "k", body.clone()).await.problem(409, "idempotency-in-progress");
    age(TimeDelta::seconds(61)).await;
    let again = stage.again("/api/v1/jobs", "k", body.clone()).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (202, &first["id"]), "{}", again.text);
    assert_eq!(again.json()["joined"], true);
    assert_eq!(stage.runs().await, 1);
    assert_eq!(stage.again("/api/v1/jobs", "k", body).await.header("idempotency-replayed"), "true");
}
